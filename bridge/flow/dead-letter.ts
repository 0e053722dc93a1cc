import type { BridgeError } from '../errors.js';
import type { Address } from '../message/address.js';
import type { Message, OutboundMessage, PropertyValue } from '../message/message.js';
import { carryPropertyName } from '../message/property-name.js';

/** Characters of a text that a dead letter tells, and of a property it keeps: STOMP has limits (connectors/flavours). */
const LONGEST_TEXT = 1_000;
const LONGEST_PROPERTY = 2_000;
/** Half of the STOMP headers that Classic takes. */
const MOST_PROPERTIES = 500;

export interface DeadLetterReason {
  readonly route: string;
  readonly error: BridgeError;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly id: string;
  /** Leaves out the message's own properties: they may be what a broker refuses. */
  readonly bare: boolean;
}

/**
 * The message that says what could not be delivered and why: the original body, byte for byte, and its properties, each under
 * a name that JMS takes (`carryPropertyName`), with `bridge_route`, `bridge_source`, `bridge_reason`, `bridge_error` and `bridge_time` (ISO 8601) added, and
 * `bridge_left_out` with the number of properties that were too large to keep.
 */
export function deadLetterOf(message: Message, reason: DeadLetterReason, to: Address): OutboundMessage {
  const { body } = message;
  const kept = [...message.properties]
    .map(
      ([name, value]) => [carryPropertyName(name, message.address.kind, to.kind), withoutNul(value)] as const,
    )
    .filter(
      ([name, value], index) =>
        !reason.bare &&
        index < MOST_PROPERTIES &&
        name.length <= LONGEST_TEXT &&
        String(value).length <= LONGEST_PROPERTY,
    );
  const properties = new Map<string, PropertyValue>(kept);
  const leftOut = message.properties.size - kept.length;
  if (leftOut > 0) properties.set('bridge_left_out', leftOut);
  properties.set('bridge_route', reason.route);
  properties.set('bridge_source', shortened(`${message.address.kind} ${message.address.name}`));
  properties.set('bridge_reason', reason.error.code);
  properties.set('bridge_error', shortened(reason.error.message));
  properties.set('bridge_time', new Date(reason.now).toISOString());
  return {
    to,
    // As bytes: whatever made the original impossible to carry, bytes are always possible.
    body: typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.isBuffer(body) ? body : body.bytes,
    properties,
    persistent: true,
    timestamp: message.timestamp ?? reason.now,
    id: reason.id,
    qos: 1,
    retain: false,
  };
}

/** STOMP cannot carry one, and a dead letter has to arrive. */
function withoutNul<Value extends PropertyValue>(value: Value): Value | string {
  return typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : value;
}

/** Over these an MQTT 5 broker may refuse the dead letter itself, and for ever (1.5.4); they become `%0A` and the like. */
const UNCARRIED = /[\p{Cc}\p{Noncharacter_Code_Point}]/gu;

function shortened(original: string): string {
  const text = original.replace(UNCARRIED, encodeURIComponent);
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}

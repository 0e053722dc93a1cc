import { createHash } from 'node:crypto';
import type { BridgeError } from '../errors.js';
import type { Address, AddressKind } from '../message/address.js';
import { hopsOf } from '../message/hops.js';
import type { Message, OutboundMessage, PropertyValue } from '../message/message.js';
import { carryPropertyName } from '../message/property-name.js';
import { bodySize } from './mapping.js';

/** Characters of a text that a dead letter tells, and of a property it keeps: STOMP has limits (connectors/flavours). */
const LONGEST_TEXT = 1_000;
const LONGEST_PROPERTY = 2_000;
/** Half of the STOMP headers that Classic takes. */
const MOST_PROPERTIES = 500;

/** How the names of the properties begin that a dead letter adds; nobody else's are kept. */
const PREFIX = 'bridge_';

export interface DeadLetterReason {
  readonly route: string;
  readonly error: BridgeError;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly id: string;
  /** The destination that it could not be delivered to, as the rule has it; without it, to none of them. */
  readonly destination?: string;
  readonly extent: DeadLetterExtent;
}

/**
 * How much a dead letter keeps. bare: not what the message brought along besides its body, since that may be what a broker refuses.
 * cut: of that body only the beginning.
 */
export type DeadLetterExtent = 'whole' | 'bare' | 'cut';

/** Bytes of a body that is cut. */
export const LONGEST_CUT_BODY = 64 * 1024;

/**
 * The message that says what could not be delivered and why: the original body, byte for byte, its properties, each under
 * a name that JMS takes (`carryPropertyName`), and its correlation id, type and group, with these properties added:
 *
 * - `bridge_route`, `bridge_source` (kind and name of the address), `bridge_destination` (when it is of one destination alone);
 * - `bridge_reason` (an ErrorCode), `bridge_error` (its text), `bridge_attempts` (how often it was sent), `bridge_time` (ISO 8601);
 * - `bridge_id`, by which one of them can be named;
 * - `bridge_body` when the body is no text and no bytes: what it is;
 * - `bridge_body_bytes` when no broker took the whole body: how long it was, of which this is the beginning;
 * - `bridge_left_out`: the number of properties that were too large to keep;
 * - `bridge_hops`: how many bridges it had passed, when it had passed any. What a rule brings back from the dead-letter queue is still
 *   part of the circle that it may have been in.
 */
export function deadLetterOf(message: Message, reason: DeadLetterReason, to: Address): OutboundMessage {
  const { body, correlationId, type, group } = message;
  const kept = [...message.properties]
    .map(
      ([name, value]) => [carryPropertyName(name, message.address.kind, to.kind), withoutNul(value)] as const,
    )
    .filter(
      ([name, value], index) =>
        reason.extent === 'whole' &&
        index < MOST_PROPERTIES &&
        !name.startsWith(PREFIX) &&
        name.length <= LONGEST_TEXT &&
        String(value).length <= LONGEST_PROPERTY,
    );
  const properties = new Map<string, PropertyValue>(kept);
  const tell = (name: string, value: string | number | undefined) => {
    if (value !== undefined)
      properties.set(PREFIX + name, typeof value === 'string' ? shortened(value, to.kind) : value);
  };
  const leftOut = message.properties.size - kept.length;
  tell('left_out', leftOut > 0 ? leftOut : undefined);
  tell('hops', hopsOf(message.properties) || undefined);
  tell('id', nameOf(reason));
  tell('route', reason.route);
  tell('source', `${message.address.kind} ${message.address.name}`);
  tell('destination', reason.destination);
  tell('reason', reason.error.code);
  tell('error', reason.error.message);
  tell('attempts', reason.error.attempts);
  tell('time', new Date(reason.now).toISOString());
  // As bytes: whatever made the original impossible to carry, bytes are always possible.
  const bytes =
    typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.isBuffer(body) ? body : body.bytes;
  const isCut = reason.extent === 'cut' && bytes.length > LONGEST_CUT_BODY;
  tell('body_bytes', isCut ? bytes.length : undefined);
  const isPlain = typeof body === 'string' || Buffer.isBuffer(body);
  tell('body', isPlain ? undefined : body.unsupported);
  const headers = Object.entries({ correlationId, type, group }).filter(
    ([, text]) =>
      text !== undefined && reason.extent === 'whole' && text.length <= LONGEST_TEXT && !text.includes('\0'),
  );
  return {
    to,
    body: isCut ? bytes.subarray(0, LONGEST_CUT_BODY) : bytes,
    properties,
    persistent: true,
    timestamp: message.timestamp ?? reason.now,
    id: reason.id,
    qos: 1,
    retain: false,
    ...Object.fromEntries(headers),
  };
}

/** Always the same for one message, route and destination: a dead letter that is sent twice is one. */
function nameOf({ id, route, destination = '' }: DeadLetterReason): string {
  const text = JSON.stringify([id, route, destination]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/** What a dead letter tells, read back. */
export interface DeadLetter {
  /** Undefined for one that an older bridge made. */
  readonly id?: string;
  readonly route: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  /** ISO 8601. */
  readonly time: string;
  readonly destination?: string;
  /** Kind and name of where the message came from. */
  readonly source: string;
  /** Length of the body that the message had. */
  readonly bytes: number;
  /** The message as it came, as far as the dead letter has it; undefined when that is not enough to deliver it after all. */
  readonly original?: Message;
}

const KINDS: readonly AddressKind[] = ['mqtt', 'queue', 'topic'];

/** Undefined for a message that is no dead letter of a bridge. */
export function readDeadLetter(message: Message): DeadLetter | undefined {
  const told = (name: string): string | undefined => {
    const value = message.properties.get(PREFIX + name);
    return value === undefined ? undefined : String(value);
  };
  const route = told('route');
  const source = told('source');
  if (route === undefined || source === undefined) return undefined;
  const destination = told('destination');
  const id = told('id');
  const isWhole = told('body') === undefined && told('body_bytes') === undefined;
  const original = isWhole ? originalOf(message, source) : undefined;
  return {
    route,
    source,
    reason: told('reason') ?? '',
    error: told('error') ?? '',
    attempts: Number(told('attempts') ?? 0),
    time: told('time') ?? '',
    bytes: Number(told('body_bytes') ?? bodySize(message)),
    ...(id === undefined ? {} : { id }),
    ...(destination === undefined ? {} : { destination }),
    ...(original === undefined ? {} : { original }),
  };
}

function originalOf(message: Message, source: string): Message | undefined {
  const kind = KINDS.find((one) => source.startsWith(`${one} `));
  if (kind === undefined || source.endsWith('…')) return undefined;
  const own = [...message.properties].filter(([name]) => !name.startsWith(PREFIX));
  const { replyTo: _replyTo, ...rest } = message;
  return {
    ...rest,
    address: { kind, name: source.slice(kind.length + 1) },
    properties: new Map(
      own.map(([name, value]) => [carryPropertyName(name, message.address.kind, kind), value]),
    ),
    retained: false,
  };
}

/** STOMP cannot carry one, and a dead letter has to arrive. */
function withoutNul<Value extends PropertyValue>(value: Value): Value | string {
  return typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : value;
}

/** Over these an MQTT 5 broker may refuse the dead letter itself, and for ever (1.5.4); they become `%0A` and the like. */
const UNCARRIED = /[\p{Cc}\p{Noncharacter_Code_Point}]/gu;

function shortened(original: string, kind: AddressKind): string {
  const text = kind === 'mqtt' ? original.replace(UNCARRIED, encodeURIComponent) : withoutNul(original);
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}

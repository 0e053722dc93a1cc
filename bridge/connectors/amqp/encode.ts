import rhea, { type Message as AmqpMessage } from 'rhea';
import { asBridgeError, BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';
import type { OutboundMessage, PropertyValue } from '../../message/message.js';
import { isSteeringProperty } from '../../message/steering.js';
import type { AmqpFlavour } from '../flavours/flavour.js';

/** AMQP JMS mapping 1.0: the kind of the address in `to` and `reply_to`, as a byte. */
const DESTINATION_TYPE = {
  lasting: { queue: rhea.types.wrap_byte(0), topic: rhea.types.wrap_byte(1) },
  temporary: { queue: rhea.types.wrap_byte(2), topic: rhea.types.wrap_byte(3) },
} as const;

const destinationType = ({ kind, temporary }: JmsAddress) =>
  DESTINATION_TYPE[temporary ? 'temporary' : 'lasting'][kind];

/** AMQP 1.0, 3.2.1: `ttl` is a uint of milliseconds. */
const MAX_TTL = 0xffff_ffff;

/**
 * The encoded bare message with header and annotations, ready for a transfer on the anonymous relay.
 * @throws BridgeError `destination-refused` for a name that cannot be sent to, `message-refused` for a value that AMQP
 * has no type for.
 */
export function encodeMessage(message: OutboundMessage, flavour: AmqpFlavour): Buffer {
  const fields = toAmqp(message, flavour);
  try {
    return rhea.message.encode(fields);
  } catch (error) {
    throw asBridgeError(
      error,
      'message-refused',
      `a message for ${describeAddress(message.to)} cannot be encoded`,
    );
  }
}

/**
 * The message in rhea's form. Text becomes an amqp-value, bytes a data section: TextMessage and BytesMessage. A property without
 * a name, or whose name steers a broker, is left out: to one like that Classic gives no answer at all (6.1.8).
 */
export function toAmqp(message: OutboundMessage, flavour: AmqpFlavour): AmqpMessage {
  const fields: AmqpMessage = {
    to: flavour.to(message.to),
    durable: message.persistent,
    message_id: message.id,
    // rhea's types ask for a Date, its encoder for either.
    creation_time: new Date(message.timestamp),
    body: typeof message.body === 'string' ? message.body : rhea.message.data_section(message.body),
    message_annotations: annotations(message),
  };
  const marks = Object.entries({
    ...(message.to.kind === 'topic' ? flavour.topicProperties(message) : {}),
    ...(message.duplicateId === undefined ? {} : flavour.duplicateProperties?.(message.duplicateId)),
  });
  const own = [...message.properties].filter(([name]) => name !== '' && !isSteeringProperty(name));
  if (own.length + marks.length > 0) fields.application_properties = properties([...own, ...marks]);
  if (message.correlationId !== undefined) fields.correlation_id = message.correlationId;
  if (message.type !== undefined) fields.subject = message.type;
  if (message.group !== undefined) fields.group_id = message.group;
  if (isJms(message.replyTo)) fields.reply_to = flavour.to(message.replyTo);
  if (message.priority !== undefined) fields.priority = message.priority;
  if (message.ttl !== undefined) {
    if (message.ttl <= MAX_TTL) fields.ttl = Math.trunc(message.ttl);
    else fields.absolute_expiry_time = new Date(Date.now() + message.ttl);
  }
  return fields;
}

type JmsAddress = Address & { readonly kind: 'queue' | 'topic' };

/** An MQTT topic as a reply address means nothing to a JMS client. */
function isJms(address: Address | undefined): address is JmsAddress {
  return address !== undefined && address.kind !== 'mqtt';
}

function annotations(message: OutboundMessage): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  if (isJms(message.to)) found['x-opt-jms-dest'] = destinationType(message.to);
  if (isJms(message.replyTo)) found['x-opt-jms-reply-to'] = destinationType(message.replyTo);
  return found;
}

function properties(values: Iterable<readonly [string, PropertyValue]>): Record<string, unknown> {
  // No prototype: a property may be named `__proto__`.
  const typed: Record<string, unknown> = Object.create(null);
  for (const [name, value] of values) {
    // In UTF-8 all of them become U+FFFD, and two names could become one.
    if (/\p{Cs}/u.test(name))
      throw new BridgeError(
        'message-refused',
        `UTF-8 has no bytes for the lone surrogate in the name of property ${JSON.stringify(name.slice(0, 40))}`,
      );
    typed[name] = typedValue(name, value);
  }
  return typed;
}

/** JMS has signed numbers only; left alone, rhea makes positive ones unsigned. */
function typedValue(name: string, value: PropertyValue): unknown {
  if (typeof value === 'bigint') return long(name, value);
  if (typeof value !== 'number') return value;
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return rhea.types.wrap_double(value);
  return value === (value | 0) ? rhea.types.wrap_int(value) : long(name, BigInt(value));
}

function long(name: string, value: bigint): unknown {
  if (BigInt.asIntN(64, value) !== value)
    throw new BridgeError('message-refused', `property ${JSON.stringify(name)} does not fit 64 bits`);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return rhea.types.wrap_long(bytes);
}

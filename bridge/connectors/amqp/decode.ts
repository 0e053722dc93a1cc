import rhea, { type Message as AmqpMessage } from 'rhea';
import { type Address, addressWithin } from '../../message/address.js';
import type { Body, Message, PropertyValue } from '../../message/message.js';
import { isSteeringProperty } from '../../message/steering.js';
import type { SourceSpec } from '../connector.js';
import type { AmqpFlavour } from '../flavours/flavour.js';

export type JmsSourceSpec = Extract<SourceSpec, { kind: 'queue' | 'topic' }>;

/** A received message in neutral form. Takes anything a peer can send; never throws. */
export function decodeMessage(
  received: AmqpMessage | Buffer,
  spec: JmsSourceSpec,
  flavour: AmqpFlavour,
): Message {
  // AMQP 1.0, 2.7.5: only message format 0 is the standard encoding; rhea hands over others as bytes.
  if (Buffer.isBuffer(received))
    return {
      address: addressWithin(spec.pattern, undefined),
      body: { unsupported: 'a message format other than AMQP 0', bytes: received },
      properties: new Map(),
      persistent: false,
      retained: false,
    };
  const replyTo = replyAddress(received, spec, flavour);
  return {
    address: addressWithin(spec.pattern, plainName(received.to, flavour)),
    body: decodeBody(received),
    properties: decodeProperties(received.application_properties),
    persistent: received.durable === true,
    retained: false,
    ...defined('id', identifier(received.message_id)),
    ...defined('timestamp', milliseconds(received.creation_time)),
    ...defined('correlationId', identifier(received.correlation_id)),
    ...defined('replyTo', replyTo),
    ...defined('type', text(received.subject)),
    ...defined('group', text(received.group_id)),
    ...defined('ttl', timeLeft(received)),
    ...defined('priority', typeof received.priority === 'number' ? received.priority : undefined),
  };
}

/** Header field delivery-count (AMQP 1.0, 3.2.1): deliveries that failed before this one. */
export function isRedelivered(received: AmqpMessage | Buffer): boolean {
  return !Buffer.isBuffer(received) && (received.delivery_count ?? 0) > 0;
}

function defined<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

function plainName(to: unknown, flavour: AmqpFlavour): string | undefined {
  const name = text(to);
  return name === undefined ? undefined : flavour.plainName(name);
}

/** AMQP JMS mapping 1.0: the annotation `x-opt-jms-reply-to`. */
const REPLY_KINDS: ReadonlyMap<unknown, ReplyKind> = new Map([
  [0, { kind: 'queue' }],
  [1, { kind: 'topic' }],
  [2, { kind: 'queue', temporary: true }],
  [3, { kind: 'topic', temporary: true }],
]);

type ReplyKind = Pick<Address, 'temporary'> & { readonly kind: 'queue' | 'topic' };

function replyAddress(received: AmqpMessage, spec: JmsSourceSpec, flavour: AmqpFlavour): Address | undefined {
  const address = text(received.reply_to);
  if (address === undefined) return undefined;
  const annotated = REPLY_KINDS.get(received.message_annotations?.['x-opt-jms-reply-to']);
  // Qpid JMS, too, takes a reply address without a kind for one of the consumed destination's.
  const kind = annotated ?? kindByPrefix(address) ?? { kind: spec.kind };
  return { ...kind, name: flavour.plainName(address) };
}

function kindByPrefix(address: string): ReplyKind | undefined {
  const [, temporary, kind] = /^(temp-)?(queue|topic):\/\//.exec(address) ?? [];
  if (kind !== 'queue' && kind !== 'topic') return undefined;
  return temporary === undefined ? { kind } : { kind, temporary: true };
}

/** message-id and correlation-id: string, ulong, uuid or binary (AMQP 1.0, 3.2.11 to 3.2.14). */
function identifier(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (!Buffer.isBuffer(value)) return undefined;
  if (value.length === 16) return rhea.uuid_to_string(value);
  return value.length === 8 ? String(value.readBigUInt64BE()) : value.toString('hex');
}

function milliseconds(value: unknown): number | undefined {
  const time = value instanceof Date ? value.getTime() : value;
  return typeof time === 'number' && Number.isFinite(time) ? time : undefined;
}

/**
 * Classic counts the header's `ttl` down and Artemis leaves it as its sender wrote it, so the absolute time counts too, if there is one.
 * When that is over by this machine's clock, the clocks differ: a broker hands over nothing that has expired by its own, and a
 * wrong clock must not cost a message.
 */
function timeLeft({ ttl, absolute_expiry_time }: AmqpMessage): number | undefined {
  const expiry = milliseconds(absolute_expiry_time) ?? 0;
  const known = [...(typeof ttl === 'number' ? [ttl] : []), ...(expiry > 0 ? [expiry - Date.now()] : [])];
  const left = known.filter((time) => time > 0);
  return left.length > 0 ? Math.min(...left) : undefined;
}

function decodeProperties(received: unknown): ReadonlyMap<string, PropertyValue> {
  const properties = new Map<string, PropertyValue>();
  if (typeof received !== 'object' || received === null) return properties;
  for (const [name, raw] of Object.entries(received)) {
    const value = propertyValue(raw);
    if (value !== undefined && !isSteeringProperty(name)) properties.set(name, value);
  }
  return properties;
}

function propertyValue(value: unknown): PropertyValue | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  // rhea hands over 64-bit numbers beyond 2^53 as their bytes.
  if (Buffer.isBuffer(value) && value.length === 8) return value.readBigInt64BE();
  return milliseconds(value);
}

interface Section {
  readonly typecode: number;
  readonly content: unknown;
}

/** rhea keeps the class of its body sections to itself; a received map may look like one in every other way. */
const SECTION: unknown = Object.getPrototypeOf(rhea.message.data_section(Buffer.alloc(0)));
const DATA_SECTION = 0x75;

const isSection = (body: object): body is Section => Object.getPrototypeOf(body) === SECTION;

function decodeBody(received: AmqpMessage): Body {
  const body: unknown = received.body;
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body;
  if (body === undefined || body === null) return '';
  if (typeof body !== 'object') return unsupported(`an AMQP value of type ${typeof body}`, body);
  if (isSection(body)) {
    if (body.typecode !== DATA_SECTION) return unsupported('an AMQP sequence (StreamMessage)', body);
    const bytes = sectionBytes(body.content);
    // Java serialisation: reading it can run code, so nobody here does.
    return received.content_type === 'application/x-java-serialized-object'
      ? { unsupported: 'a serialised Java object (ObjectMessage)', bytes }
      : bytes;
  }
  return Array.isArray(body)
    ? unsupported('an AMQP list (StreamMessage)', body)
    : unsupported('an AMQP map (MapMessage)', body);
}

function sectionBytes(content: unknown): Buffer {
  if (Buffer.isBuffer(content)) return content;
  return Array.isArray(content)
    ? Buffer.concat(content.filter((part) => Buffer.isBuffer(part)))
    : Buffer.alloc(0);
}

/** rhea does not keep the bytes of a body it decoded: they are made again, as an AMQP message with that body. */
function unsupported(what: string, body: unknown): Body {
  try {
    return { unsupported: what, bytes: rhea.message.encode({ body }) };
  } catch {
    return { unsupported: what, bytes: Buffer.alloc(0) };
  }
}

import { isUtf8 } from 'node:buffer';
import { BridgeError } from '../../errors.js';
import { type Address, type AddressPattern, addressWithin } from '../../message/address.js';
import type { Message, OutboundMessage } from '../../message/message.js';
import { isSteeringProperty } from '../../message/steering.js';
import type { StompFlavour } from '../flavours/flavour.js';
import { isReservedHeader } from '../flavours/stomp-headers.js';
import { checkHeaders } from './check-headers.js';
import { encodeHeaders, frameStart } from './frame.js';
import type { IncomingFrame } from './guard.js';

/** A SEND but for the header that says which transaction or receipt it belongs to. */
export interface Send {
  /** Of `frameStart`. In bytes, which take a fraction of the memory of the texts they are made of: hundreds wait for their confirm. */
  readonly start: Buffer;
  readonly body: Buffer;
}

/**
 * A message as STOMP carries it. Every property becomes text. A property whose name is the protocol's or steers a broker
 * is left out.
 * @throws BridgeError `unsupported-body` for text with a NUL where text cannot have a content-length;
 *   `destination-refused` for a name that the broker would not take as one name; `message-refused` for headers that would not
 *   arrive as they are, or that end the connection
 */
export function encodeSend(message: OutboundMessage, flavour: StompFlavour): Send {
  const headers: [string, string][] = Object.entries(flavour.sendHeaders(message.to));
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) headers.push([name, String(value)]);
  };
  // STOMP 1.2 has no default for it, and without it both brokers keep the message in memory only.
  const isMqtt = message.to.kind === 'mqtt';
  // MQTT: QoS 0 is what a broker may lose.
  add('persistent', String(isMqtt ? message.qos > 0 : message.persistent));
  add('correlation-id', message.correlationId);
  add('type', message.type);
  add('priority', message.priority);
  add('expires', message.ttl === undefined ? undefined : Date.now() + message.ttl);
  add('JMSXGroupID', message.group);
  if (message.replyTo !== undefined) add('reply-to', flavour.sendHeaders(message.replyTo).destination);
  for (const [name, value] of message.properties)
    if (name !== '' && !isReservedHeader(name) && !isSteeringProperty(name)) add(name, String(value));
  if (message.to.kind === 'topic' || isMqtt)
    for (const [name, value] of Object.entries(flavour.topicProperties(message))) add(name, String(value));

  const body = typeof message.body === 'string' ? Buffer.from(message.body, 'utf8') : message.body;
  // As if it had come over MQTT: there are only bytes, and none of them ends what is retained.
  for (const [name, value] of bodyHeaders(isMqtt ? body : message.body, body, flavour)) add(name, value);
  checkHeaders(headers, flavour);
  return { start: frameStart('SEND', encodeHeaders(headers)), body };
}

/**
 * Both brokers make a TextMessage of a SEND without content-length, and show Java every other header as a property: so text
 * goes without one. Only with one can a body hold a NUL, which would end the frame.
 */
function bodyHeaders(
  original: string | Buffer,
  bytes: Buffer,
  { textMarker }: StompFlavour,
): [name: string, value: string | number][] {
  if (typeof original !== 'string') return [['content-length', bytes.length]];
  if (!bytes.includes(0)) return [];
  if (textMarker === undefined)
    throw new BridgeError(
      'unsupported-body',
      'text with a NUL cannot be a TextMessage over STOMP on this broker; use `via: amqp` or `as: bytes`',
    );
  return [['content-length', bytes.length], ...Object.entries(textMarker)];
}

/**
 * A MESSAGE frame in neutral form; `pattern` is what was subscribed to, `waited` how many milliseconds ago it came. Classic writes a message's properties over the headers of
 * the same name (LegacyFrameTranslator of 6.1.8), so no header is proof of anything.
 */
export function decodeMessage(
  { headers, body }: IncomingFrame,
  pattern: AddressPattern,
  flavour: StompFlavour,
  waited = 0,
): Message {
  const properties = new Map<string, string>();
  for (const [name, value] of Object.entries(headers))
    if (!isReservedHeader(name) && !isSteeringProperty(name)) properties.set(name, value);
  const replyTo = headers['reply-to'];
  return {
    address: addressWithin(pattern, flavour.plainName(headers.destination ?? '')),
    body: isText(headers, body, flavour) ? body.toString('utf8') : body,
    properties,
    persistent: headers.persistent === 'true',
    retained: false,
    ...field('id', headers['message-id']),
    ...field('timestamp', numberOf(headers.timestamp)),
    ...field('correlationId', headers['correlation-id']),
    ...field('type', headers.type),
    ...field('group', headers.JMSXGroupID ?? headers._AMQ_GROUP_ID),
    ...field('priority', numberOf(headers.priority)),
    ...field('ttl', timeLeft(headers.expires, waited)),
    ...field('replyTo', replyTo === undefined ? undefined : replyAddress(replyTo, flavour)),
  };
}

/**
 * Classic sends text without content-length. Artemis puts a content-length on every frame and says nowhere what it was
 * (seen with 2.40.0): there UTF-8 without NUL counts as text.
 */
function isText(headers: IncomingFrame['headers'], body: Buffer, flavour: StompFlavour): boolean {
  if (flavour.textMarker !== undefined)
    return headers['content-length'] === undefined || headers['amq-msg-type'] === 'text';
  return isUtf8(body) && !body.includes(0);
}

function replyAddress(text: string, flavour: StompFlavour): Address {
  const [, temporary, kind] = /^\/?((?:remote-)?temp-)?(queue|topic)/.exec(text) ?? [];
  return {
    kind: kind === 'topic' ? 'topic' : 'queue',
    name: flavour.plainName(text),
    ...(temporary === undefined ? {} : { temporary: true }),
  };
}

/**
 * JMSExpiration: milliseconds since the epoch, and 0 for never. When that was over before it came, the clocks differ: a broker hands
 * over nothing that has expired by its own, and a wrong clock must not cost a message.
 */
function timeLeft(expires: string | undefined, waited: number): number | undefined {
  const whenItCame = (numberOf(expires) ?? 0) - (Date.now() - waited);
  return whenItCame > 0 ? Math.max(0, Math.floor(whenItCame - waited)) : undefined;
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || !Number.isFinite(value) ? undefined : value;
}

function field<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}

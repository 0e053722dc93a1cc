import type { IPublishPacket } from 'mqtt';
import { BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';
import type { Message, OutboundMessage, PropertyValue } from '../../message/message.js';
import { isSteeringProperty } from '../../message/steering.js';
import type { MqttFlavour } from '../flavours/flavour.js';
import { correlationBytes, correlationText } from './correlation.js';
import { LONGEST_TOPIC, topicProblem } from './topic.js';

/** The properties of a PUBLISH (MQTT 5, 3.3.2.3), as mqtt.js has them. */
export type PublishProperties = NonNullable<IPublishPacket['properties']>;

/** What the properties of a PUBLISH say of a message. */
export type FromProperties = Pick<Message, 'properties' | 'replyTo' | 'correlationId' | 'ttl'>;

/**
 * Takes anything a peer can send, a property given twice or cut short included; never throws. `waited`: how many milliseconds ago it
 * came.
 */
export function readProperties(given: PublishProperties, waited = 0): FromProperties {
  const { userProperties, responseTopic, correlationData, messageExpiryInterval: seconds } = given;
  const replyTo = replyAddress(responseTopic);
  return {
    properties: readUserProperties(userProperties),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(Buffer.isBuffer(correlationData) ? { correlationId: correlationText(correlationData) } : {}),
    ...(typeof seconds === 'number' ? { ttl: Math.max(0, Math.ceil(seconds * 1000 - waited)) } : {}),
  };
}

/** Mosquitto and Artemis let any text through as a Response Topic, wildcards included. */
function replyAddress(topic: unknown): Address | undefined {
  if (typeof topic !== 'string') return undefined;
  const address = { kind: 'mqtt', name: topic } as const;
  return topicProblem(address, LONGEST_TOPIC) === undefined ? address : undefined;
}

function readUserProperties(given: PublishProperties['userProperties']): ReadonlyMap<string, string> {
  const properties = new Map<string, string>();
  for (const [name, values] of Object.entries(given ?? {})) {
    const value = Array.isArray(values) ? values.at(-1) : values;
    if (typeof value === 'string' && !isSteeringProperty(name)) properties.set(name, value);
  }
  return properties;
}

/** The length of every text and of binary data is a two byte number (MQTT 5, 1.5.4 and 1.5.6). */
const MAX_FIELD_BYTES = 65_535;

/** Message Expiry Interval is a four byte number of seconds (MQTT 5, 3.3.2.3.3). */
const MAX_EXPIRY_SECONDS = 0xffff_ffff;

/** No text may hold a NUL, and a receiver may end the connection over the others (MQTT 5, 1.5.4). */
const NUL = /\0/;
const CONTROL = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;

/**
 * What an outbound message says in the properties of its PUBLISH; undefined when that is nothing. No Payload Format
 * Indicator: it makes brokers and receivers look for faults in the body, and none needs it.
 *
 * The order matters: Artemis stops reading properties as many bytes early as their length takes, two from 128 bytes on and
 * three from 16,384, and takes a last one of that size for the beginning of the body (2.40.0 with Netty 4.1.119). So what can
 * be short comes first.
 * @throws BridgeError `message-refused` for what no property can hold, or over which this broker would hang up
 */
export function writeProperties(
  message: OutboundMessage,
  { takesControls, longestTopic }: MqttFlavour,
): PublishProperties | undefined {
  const properties: PublishProperties = {};
  const check = (what: string, text: string) => {
    const problem = textProblem(text, takesControls ? NUL : CONTROL);
    if (problem !== undefined) throw refused(message, `${what} ${problem}`);
  };
  if (message.correlationId !== undefined) {
    const data = correlationBytes(message.correlationId);
    if (data.length > MAX_FIELD_BYTES)
      throw refused(
        message,
        `its correlation id is longer than the ${MAX_FIELD_BYTES} bytes that MQTT can say`,
      );
    properties.correlationData = data;
  }
  if (message.replyTo?.kind === 'mqtt') {
    const problem = topicProblem(message.replyTo, longestTopic);
    if (problem !== undefined) throw refused(message, `its reply topic: ${problem}`);
    check('its reply topic', message.replyTo.name);
    properties.responseTopic = message.replyTo.name;
  }
  if (message.ttl !== undefined)
    properties.messageExpiryInterval = Math.min(Math.ceil(message.ttl / 1000), MAX_EXPIRY_SECONDS);
  if (message.properties.size > 0) properties.userProperties = writeUserProperties(message.properties, check);
  return Object.keys(properties).length === 0 ? undefined : properties;
}

function writeUserProperties(
  properties: ReadonlyMap<string, PropertyValue>,
  check: (what: string, text: string) => void,
): Record<string, string> {
  // No prototype: a property may be named `__proto__`.
  const texts: Record<string, string> = Object.create(null);
  for (const [name, value] of properties) {
    const text = String(value);
    check('the name of a property', name);
    check(`its property ${JSON.stringify(name.slice(0, 40))}`, text);
    texts[name] = text;
  }
  return texts;
}

function textProblem(text: string, forbidden: RegExp): string | undefined {
  if (Buffer.byteLength(text) > MAX_FIELD_BYTES)
    return `is longer than the ${MAX_FIELD_BYTES} bytes that MQTT can say`;
  const bad = forbidden.exec(text);
  return bad === null ? undefined : `has a ${JSON.stringify(bad[0])}, over which the broker may hang up`;
}

function refused({ to }: OutboundMessage, problem: string): BridgeError {
  return new BridgeError(
    'message-refused',
    `a message for ${describeAddress(to)} cannot be sent over MQTT 5: ${problem}`,
  );
}

/** Bytes of the properties in a packet, with their length before them (MQTT 5, 2.2.2). */
export function propertiesBytes(properties: PublishProperties | undefined): number {
  let bytes = 0;
  const { userProperties = {}, responseTopic, correlationData, messageExpiryInterval } = properties ?? {};
  for (const [name, value] of Object.entries(userProperties))
    bytes += 5 + Buffer.byteLength(name) + Buffer.byteLength(String(value));
  if (responseTopic !== undefined) bytes += 3 + Buffer.byteLength(responseTopic);
  if (correlationData !== undefined) bytes += 3 + correlationData.length;
  if (messageExpiryInterval !== undefined) bytes += 5;
  return variableLength(bytes) + bytes;
}

/** Bytes of a Variable Byte Integer (MQTT 5, 1.5.5). */
export function variableLength(value: number): 1 | 2 | 3 | 4 {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

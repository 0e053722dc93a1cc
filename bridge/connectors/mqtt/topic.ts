import { BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';
import type { MqttFlavour } from '../flavours/flavour.js';

/** Bytes of the longest topic that a packet can say: its length is a two byte number (MQTT 3.1.1, 1.5.3). */
export const LONGEST_TOPIC = 65_535;

/** The largest Remaining Length (MQTT 3.1.1, 2.2.3): topic, packet id and payload together. */
const MAX_REMAINING_BYTES = 268_435_455;

/** Wildcards (4.7.1), NUL and lone surrogates (1.5.3) end the connection, and with it everybody else's messages. */
const FORBIDDEN = /[+#\0\p{Cs}]/u;

/** @throws BridgeError `destination-refused` when no PUBLISH may carry this address, or not to this broker. */
export function checkTopic(to: Address, { longestTopic }: MqttFlavour): void {
  const problem = topicProblem(to, longestTopic);
  if (problem !== undefined) throw new BridgeError('destination-refused', problem);
}

/**
 * `propertiesBytes` is what MQTT 5 adds: the properties and their length.
 * @throws BridgeError `message-refused` when the packet would be longer than MQTT can say.
 */
export function checkSize(to: Address, payload: Buffer, propertiesBytes = 0): void {
  const remaining = 2 + Buffer.byteLength(to.name) + 2 + propertiesBytes + payload.length;
  if (remaining > MAX_REMAINING_BYTES)
    throw new BridgeError(
      'message-refused',
      `a body of ${payload.length} bytes for ${describeAddress(to)} is longer than an MQTT packet can be`,
    );
}

/** Why no PUBLISH may carry this address, as its topic or as the one to reply to. */
export function topicProblem(to: Address, longest: number): string | undefined {
  if (to.kind !== 'mqtt') return `${describeAddress(to)} cannot be reached over MQTT`;
  if (to.name === '') return 'an MQTT topic needs a name; this one is empty';
  const bytes = Buffer.byteLength(to.name);
  if (bytes > longest)
    return `${describeAddress(to)} is a topic of ${bytes} bytes; the longest is ${longest}`;
  const bad = FORBIDDEN.exec(to.name);
  if (bad === null) return undefined;
  return `${describeAddress(to)}: ${JSON.stringify(bad[0])} cannot stand in a topic that is published to`;
}

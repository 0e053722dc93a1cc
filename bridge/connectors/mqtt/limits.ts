import type { IConnackPacket } from 'mqtt';
import { BridgeError } from '../../errors.js';
import { describeAddress } from '../../message/address.js';
import type { OutboundMessage } from '../../message/message.js';
import { variableLength } from './publish-properties.js';

/** What a broker takes of one connection's publishes. */
export interface Limits {
  /** Publishes of QoS 1 and 2 that may be without an answer. */
  readonly window: number;
  /** Bytes of a packet. */
  readonly packet: number;
  readonly qos: number;
  readonly retain: boolean;
}

/** There are no more packet ids (MQTT 3.1.1, 2.3.1). */
const MAX_WINDOW = 65_535;

/** The limits that a CONNACK tells; what it does not tell (and MQTT 3.1.1 cannot) is no limit (MQTT 5, 3.2.2.3). */
export function limitsOf(connack: IConnackPacket['properties']): Limits {
  return {
    window: connack?.receiveMaximum ?? MAX_WINDOW,
    packet: connack?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    qos: connack?.maximumQoS ?? 2,
    retain: connack?.retainAvailable ?? true,
  };
}

/**
 * A broker ends the connection over what it said it does not take (MQTT 5, 3.2.2.3.4 to 3.2.2.3.6).
 * @throws BridgeError `message-refused`
 */
export function checkLimits(message: OutboundMessage, contentBytes: number, limits: Limits): void {
  const problem = limitProblem(message, contentBytes, limits);
  if (problem !== undefined)
    throw new BridgeError(
      'message-refused',
      `a message for ${describeAddress(message.to)}: the broker takes ${problem}`,
    );
}

/** `contentBytes`: of payload and properties. */
function limitProblem(
  { to, qos, retain }: OutboundMessage,
  contentBytes: number,
  limits: Limits,
): string | undefined {
  if (qos > limits.qos) return `nothing above QoS ${limits.qos}, and the rule says ${qos}`;
  if (retain && !limits.retain) return 'nothing retained, and the rule says `retain: true`';
  const remaining = 2 + Buffer.byteLength(to.name) + (qos === 0 ? 0 : 2) + contentBytes;
  const bytes = 1 + variableLength(remaining) + remaining;
  if (bytes > limits.packet) return `packets of ${limits.packet} bytes at most, and this one has ${bytes}`;
  return undefined;
}

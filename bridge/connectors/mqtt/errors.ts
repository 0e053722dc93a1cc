import { type IDisconnectPacket, type Packet, ReasonCodes } from 'mqtt';
import { BridgeError, type ErrorCode } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';
import type { Endpoint } from '../connector.js';
import { tlsRefusal } from '../tls-refusal.js';

/** Where an error happened, for people: `broker "chat" (mqtt localhost:1883)`. */
export function place(endpoint: Endpoint): string {
  return `broker ${JSON.stringify(endpoint.broker)} (mqtt ${endpoint.host}:${endpoint.port})`;
}

/** What mqtt.js or Node handed over, as one line. */
export function reasonText(reason: unknown): string {
  // Node tries every address of a host and puts the failures into an error without a text of its own.
  if (reason instanceof AggregateError && reason.errors.length > 0)
    return reason.errors.map(reasonText).join('; ');
  if (reason instanceof Error) return reason.message || codeText(reason) || reason.name;
  return 'the broker closed the connection';
}

/** Bad user name or password, and not authorised, in a CONNACK of MQTT 3.1.1 (3.2.2.3) and of MQTT 5 (3.2.2.2). */
const NO_ACCESS: ReadonlySet<unknown> = new Set([4, 5, 0x86, 0x87]);

/** Unsupported protocol version: a broker without MQTT 5 may say so in its own version. */
const NO_SUCH_VERSION: ReadonlySet<unknown> = new Set([1, 0x84]);

/**
 * Why a connection could not be opened: `authentication-failed` when the broker did not take the account, `wrong-broker` when it
 * speaks no MQTT 5.
 */
export function openError(endpoint: Endpoint, reason: unknown): BridgeError {
  const refusal = tlsRefusal(endpoint, place(endpoint), reason);
  if (refusal !== undefined) return refusal;
  if (NO_ACCESS.has(codeOf(reason)))
    return new BridgeError(
      'authentication-failed',
      `${place(endpoint)} does not take account ${JSON.stringify(endpoint.username ?? '')} with this password (${reasonText(reason)})`,
      { cause: reason },
    );
  const speaks5 = endpoint.mqttVersion === 5;
  if (speaks5 && NO_SUCH_VERSION.has(codeOf(reason)))
    return new BridgeError(
      'wrong-broker',
      `${place(endpoint)} speaks no MQTT 5 (${reasonText(reason)}); write mqttVersion: 3.1.1`,
      { cause: reason },
    );
  const text = reason === undefined ? 'it closed the connection without a CONNACK' : reasonText(reason);
  const hint = reason === undefined && speaks5 ? '; if it speaks no MQTT 5, write mqttVersion: 3.1.1' : '';
  return new BridgeError('connection-failed', `${place(endpoint)}: ${text}${hint}`, { cause: reason });
}

const SESSION_TAKEN_OVER = 0x8e;

/** Why the broker ended an MQTT 5 connection (3.14.2.1), in the place of an error of the library. */
export function disconnectError(packet: IDisconnectPacket, { clientId }: Endpoint): Error {
  const { reasonCode = 0 } = packet;
  const hint =
    reasonCode === SESSION_TAKEN_OVER
      ? `; another client connected with the client id ${JSON.stringify(clientId)}`
      : '';
  return new Error(`the broker ended the connection: ${reasonName(reasonCode, packet)}${hint}`);
}

/** The answers to a PUBLISH that are about this message (MQTT 5, 3.4.2.1 and 3.5.2.1); another time others may be none. */
const PUBLISH_REFUSALS: ReadonlyMap<unknown, ErrorCode> = new Map([
  [0x87, 'destination-refused'],
  [0x90, 'destination-refused'],
  [0x97, 'destination-full'],
  [0x99, 'message-refused'],
]);

/** What became of a publish that mqtt.js gave an error for; MQTT 3.1.1 has none but the end of the connection. */
export function publishError(
  endpoint: Endpoint,
  to: Address,
  error: Error,
  answer: Packet | undefined,
): BridgeError {
  const code = codeOf(error);
  if (typeof code !== 'number') return lostError(endpoint, error.message, error);
  return new BridgeError(
    PUBLISH_REFUSALS.get(code) ?? 'send-released',
    `${place(endpoint)} does not take a message for ${describeAddress(to)}: ${reasonName(code, answer)}`,
    { cause: error },
  );
}

/** `Not authorized (no rule for this topic)`: the name of a reason code, and what the broker says of it, if anything. */
function reasonName(code: number, packet: Packet | undefined): string {
  const name =
    code === 0
      ? 'Normal disconnection'
      : (ReasonCodes[code as keyof typeof ReasonCodes] ?? `reason code ${code}`);
  const said = packet !== undefined && 'properties' in packet ? packet.properties : undefined;
  const reason = said !== undefined && 'reasonString' in said ? said.reasonString : undefined;
  return typeof reason === 'string' && reason !== '' ? `${name} (${reason})` : name;
}

/** `connection-lost` with the reason for people; an error of its own for each caller. */
export function lostError(endpoint: Endpoint, text: string, cause?: unknown): BridgeError {
  return new BridgeError('connection-lost', `${place(endpoint)}: ${text}`, { cause });
}

function codeOf(reason: unknown): unknown {
  return reason instanceof Error && 'code' in reason ? reason.code : undefined;
}

function codeText(reason: Error): string {
  const code = codeOf(reason);
  return typeof code === 'string' ? code : '';
}

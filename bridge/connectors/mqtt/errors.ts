import { BridgeError } from '../../errors.js';
import type { Endpoint } from '../connector.js';

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

/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3): 4 bad user name or password, 5 not authorised. */
const NO_ACCESS: ReadonlySet<unknown> = new Set([4, 5]);

/** Why a connection could not be opened: `authentication-failed` when the broker did not take the account. */
export function openError(endpoint: Endpoint, reason: unknown): BridgeError {
  if (NO_ACCESS.has(codeOf(reason)))
    return new BridgeError(
      'authentication-failed',
      `${place(endpoint)} does not take account ${JSON.stringify(endpoint.username ?? '')} with this password (${reasonText(reason)})`,
      { cause: reason },
    );
  const text = reason === undefined ? 'it closed the connection without a CONNACK' : reasonText(reason);
  return new BridgeError('connection-failed', `${place(endpoint)}: ${text}`, { cause: reason });
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

import { asBridgeError, BridgeError } from '../../errors.js';
import type { Endpoint } from '../connector.js';
import type { IncomingFrame } from './guard.js';

/** Texts of ERROR frames, as both brokers were seen to write them. */
const NOT_AUTHENTICATED = /password is invalid|security error|authenticat/i;
const NO_ROOM = /usage manager|limit|is full/i;
const NOT_ALLOWED =
  /not authorized|permission|invalid (?:queue|address|destination|name)|AMQ229032|AMQ229216/i;

/** Where a connection goes, for people. */
export function placeOf({ broker, host, port }: Endpoint): string {
  return `${broker} (STOMP, ${host}:${port})`;
}

/** The broker's words in an ERROR frame, on one line and not too long. */
export function textOf({ headers }: IncomingFrame): string {
  return headers.message?.split('\n')[0]?.slice(0, 300) || 'no reason given';
}

/** Why the handshake failed. */
export function connectError(endpoint: Endpoint, cause: unknown): BridgeError {
  const error = asBridgeError(cause, 'connection-failed', `cannot connect to ${placeOf(endpoint)}`);
  if (!NOT_AUTHENTICATED.test(error.message)) return error;
  return new BridgeError(
    'authentication-failed',
    `${placeOf(endpoint)} does not take account ${JSON.stringify(endpoint.username ?? '')} with this password`,
  );
}

/** What an ERROR frame means for the one message that was outstanding. */
export function refusalOf(endpoint: Endpoint, text: string): BridgeError {
  const code = NO_ROOM.test(text)
    ? 'destination-full'
    : NOT_ALLOWED.test(text)
      ? 'destination-refused'
      : 'message-refused';
  return new BridgeError(code, `${placeOf(endpoint)} refuses the message: ${text}`);
}

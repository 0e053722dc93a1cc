import { asBridgeError, BridgeError } from '../../errors.js';
import type { Endpoint } from '../connector.js';
import type { IncomingFrame } from './guard.js';

/**
 * Texts of ERROR frames, as both brokers were seen to write them. Matched where no text of a message or a name can stand:
 * Classic puts those at the end, and Artemis' copy of the message is cut off by `textOf`.
 */
const NOT_AUTHENTICATED = /password is invalid|security error|authenticat/i;
const NO_ROOM = /^(?:Usage Manager|(?:Persistent|Temp) store is full)\b|^AMQ\d+:? .*\bAMQ229102\b/i;
const NOT_ALLOWED =
  /^User \S+ is not authorized\b|^Invalid (?:queue|address|destination|name)\b|\bAMQ(?:229032|229216)\b/i;

/** All that Artemis says of a refused SEND or SUBSCRIBE, whatever the reason, and what that may be (2.40.0). */
const MUTE: ReadonlyMap<string, string> = new Map([
  [
    'AMQ339011 Error sending message',
    ' (the broker says no more: the account may lack the right, or the address be full)',
  ],
  ['AMQ339016 Error creating subscription', ' (the broker says no more: the account may lack the right)'],
]);

/** stompit's words for a header that guard.ts gives up on. */
const NO_SUCH_ESCAPE = 'undefined escape sequence';

/** Where a connection goes, for people. */
export function placeOf({ broker, host, port }: Endpoint): string {
  return `${broker} (STOMP, ${host}:${port})`;
}

/**
 * The broker's words in an ERROR frame, on one line and not too long. Artemis gives no reason for a refused SEND (seen with
 * 2.40.0), but the whole message with all its properties: that is nobody's business in a log.
 */
export function textOf({ headers }: IncomingFrame): string {
  const line = headers.message?.split('\n')[0] ?? '';
  const text = line
    .replace(/ CoreMessage\[.*$/, '')
    // The id is of our own making.
    .replace(/(?<=^AMQ339016 Error creating subscription) .*$/, '');
  return text.slice(0, 300) + (MUTE.get(text) ?? '') || 'no reason given';
}

/** What ended a connection. Classic writes the name of a property as it is, with line breaks and backslashes (6.1.8). */
export function endOf({ message }: Error): string {
  return message === NO_SUCH_ESCAPE
    ? 'the broker sent a header that STOMP 1.2 does not know; messages like that can be read `via: amqp`'
    : message;
}
/** How Classic words it; Artemis lets both in. */
const ID_IN_USE = /\balready connected\b/;

/** Why the handshake failed. */
export function connectError(endpoint: Endpoint, cause: unknown): BridgeError {
  const error = asBridgeError(cause, 'connection-failed', `cannot connect to ${placeOf(endpoint)}`);
  if (ID_IN_USE.test(error.message))
    return new BridgeError(
      'client-id-in-use',
      `${placeOf(endpoint)}: does another bridge use the client id ${JSON.stringify(endpoint.clientId)}? ${error.message}`,
    );
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
  return new BridgeError(code, `${placeOf(endpoint)} refuses the message: ${text}`, { fromBroker: true });
}

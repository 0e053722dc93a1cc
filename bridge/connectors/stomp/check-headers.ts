import { BridgeError } from '../../errors.js';
import type { StompFlavour } from '../flavours/flavour.js';
import { type Headers, lineLength } from './frame.js';

/**
 * @throws BridgeError `message-refused` when a SEND with these headers would end the connection, or would not arrive with
 *   just these
 */
export function checkHeaders(headers: Headers, flavour: StompFlavour): void {
  // In UTF-8 all of them become U+FFFD, and two names could become one.
  for (const [name] of headers)
    if (/\p{Cs}/u.test(name))
      throw new BridgeError('message-refused', `UTF-8 has no bytes for the lone surrogate in ${shown(name)}`);
  const problem = tooMuch(headers, flavour.limits) ?? notKept(headers, flavour);
  if (problem !== undefined) throw new BridgeError('message-refused', `${problem}; use \`via: amqp\``);
}

function tooMuch(headers: Headers, limits: StompFlavour['limits']): string | undefined {
  // Every SEND has one more: its receipt or its transaction.
  const count = headers.length + 1;
  if (count > limits.headers) return `over STOMP this broker takes ${limits.headers} headers, not ${count}`;
  // Escaped or not, a UTF-16 unit makes three bytes at most: nearly always that is the end of it.
  const most = headers.reduce((sum, [name, value]) => sum + 3 * (name.length + value.length) + 1, 0);
  if (most <= Math.min(limits.lineBytes, limits.bytes)) return undefined;
  let all = 0;
  for (const [name, value] of headers) {
    const bytes = lineLength(name, value);
    if (bytes > limits.lineBytes)
      return `over STOMP this broker takes ${limits.lineBytes} bytes a header, and ${shown(name)} has ${bytes}`;
    all += bytes;
  }
  return all > limits.bytes
    ? `over STOMP this broker takes ${limits.bytes} bytes of headers, not ${all}`
    : undefined;
}

function notKept(headers: Headers, { unescapesNames, oddCorrelationId }: StompFlavour): string | undefined {
  for (const [name, value] of headers) {
    if (name.includes('\0') || value.includes('\0')) return `STOMP cannot carry the NUL in ${shown(name)}`;
    if (!unescapesNames && /[\\\r\n:]/.test(name))
      return `over STOMP this broker does not keep the name of a property like ${shown(name)}`;
    if (name === 'correlation-id' && oddCorrelationId?.test(value) === true)
      return `over STOMP this broker does not keep a correlation id like ${shown(value)}`;
  }
  return undefined;
}

const shown = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

import { isUtf8 } from 'node:buffer';
import type { Message } from './message.js';

/** The body's value if it is JSON, the text if it is another, undefined for bytes that are no text. */
export function jsonOf({ body }: Pick<Message, 'body'>): unknown {
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) return undefined;
  const source = typeof body === 'string' ? body : isUtf8(body) ? body.toString('utf8') : undefined;
  if (source === undefined) return undefined;
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return source;
  }
}

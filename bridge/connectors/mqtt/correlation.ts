import { isUtf8 } from 'node:buffer';

/**
 * MQTT 5 Correlation Data are bytes (3.3.2.3.6), a correlation id is text. What reads as text is that text; all else is
 * `base64:` and its bytes. A text that begins so by chance comes back as it was, too.
 */
const ESCAPE = 'base64:';

/** Numbers and UUIDs are sent as bytes, and some of them are UTF-8 by accident. */
const CONTROL = /\p{Cc}/u;

/** The text for Correlation Data; `correlationBytes` gives the same bytes back, whatever they are. */
export function correlationText(bytes: Buffer): string {
  return textItself(bytes) ?? ESCAPE + bytes.toString('base64');
}

/** The Correlation Data for a text; `correlationText` gives the same text back, unless it has a control character. */
export function correlationBytes(text: string): Buffer {
  return escapedBytes(text) ?? Buffer.from(text, 'utf8');
}

/** Undefined when the bytes are no plain text, or one that would be taken for the escape of other bytes. */
function textItself(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return CONTROL.test(text) || escapedBytes(text) !== undefined ? undefined : text;
}

/** Undefined when `correlationText` would not have written the bytes like this. */
function escapedBytes(text: string): Buffer | undefined {
  if (!text.startsWith(ESCAPE)) return undefined;
  const base64 = text.slice(ESCAPE.length);
  const bytes = Buffer.from(base64, 'base64');
  // Node reads what is no base64 as well as it can.
  return bytes.toString('base64') === base64 && textItself(bytes) === undefined ? bytes : undefined;
}

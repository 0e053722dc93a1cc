export type Headers = readonly (readonly [name: string, value: string])[];

const NUL = Buffer.from([0]);

/**
 * One STOMP 1.2 frame, complete. Every header is escaped (STOMP 1.2, "Value Encoding"), so no text of a message can end a
 * header or begin a frame. A body without `content-length` must not hold a NUL: the caller sees to that.
 */
export function encodeFrame(command: string, headers: Headers, body?: Buffer): Buffer {
  let head = `${command}\n`;
  for (const [name, value] of headers) head += `${escapeText(name)}:${escapeText(value)}\n`;
  const start = Buffer.from(`${head}\n`, 'utf8');
  return Buffer.concat(body === undefined ? [start, NUL] : [start, body, NUL]);
}

/** Bytes of a header in a frame, without the line's end. */
export function lineLength(name: string, value: string): number {
  return Buffer.byteLength(escapeText(name)) + 1 + Buffer.byteLength(escapeText(value));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a NUL would end the frame
const SPECIAL = /[\\\r\n:\u0000]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\r': '\\r', '\n': '\\n', ':': '\\c' };

/** A NUL has no escape in STOMP and would end the frame: it becomes U+FFFD, where nobody has refused it before. */
function escapeText(text: string): string {
  return text.replace(SPECIAL, (character) => ESCAPES[character] ?? '\ufffd');
}

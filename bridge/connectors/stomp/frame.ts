export type Headers = readonly (readonly [name: string, value: string])[];

const NUL = Buffer.from([0]);

/** The header lines of a frame. Each is escaped (STOMP 1.2, "Value Encoding"), so no text of a message can end a header or begin a frame. */
export function encodeHeaders(headers: Headers): string {
  let lines = '';
  for (const [name, value] of headers) lines += `${escapeText(name)}:${escapeText(value)}\n`;
  return lines;
}

/**
 * One STOMP 1.2 frame in pieces, so that many become one write with one copy; `lines` are what `encodeHeaders` made. A body without
 * `content-length` must not hold a NUL: the caller sees to that.
 */
export function framePieces(command: string, lines: string, body?: Buffer): Buffer[] {
  const start = Buffer.from(`${command}\n${lines}\n`, 'utf8');
  return body === undefined ? [start, NUL] : [start, body, NUL];
}

/** One STOMP 1.2 frame, complete; see `framePieces`. */
export function encodeFrame(command: string, headers: Headers, body?: Buffer): Buffer {
  return Buffer.concat(framePieces(command, encodeHeaders(headers), body));
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

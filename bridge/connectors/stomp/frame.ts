export type Headers = readonly (readonly [name: string, value: string])[];

const NUL = Buffer.from([0]);

/** The header lines of a frame. Each is escaped (STOMP 1.2, "Value Encoding"), so no text of a message can end a header or begin a frame. */
export function encodeHeaders(headers: Headers): string {
  let lines = '';
  for (const [name, value] of headers) lines += `${escapeText(name)}:${escapeText(value)}\n`;
  return lines;
}

/** The beginning of a frame: its command and header lines (of `encodeHeaders`), of which more are to come. */
export function frameStart(command: string, lines: string): Buffer {
  return Buffer.from(`${command}\n${lines}`, 'utf8');
}

/** The last header lines of a frame, and their end. */
export function headersEnd(lines: string): Buffer {
  return Buffer.from(`${lines}\n`, 'utf8');
}

/**
 * One STOMP 1.2 frame in pieces, so that many become one write with one copy. A body without `content-length` must not hold a NUL: the
 * caller sees to that.
 */
export function framePieces(start: Buffer, end: Buffer, body: Buffer): Buffer[] {
  return [start, end, body, NUL];
}

/** One STOMP 1.2 frame, complete. */
export function encodeFrame(command: string, headers: Headers): Buffer {
  return Buffer.from(`${command}\n${encodeHeaders(headers)}\n\0`, 'utf8');
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

import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import type { Diagnostic } from './diagnostic.js';
import { reasonOf } from './interpolate.js';
import { readYaml } from './source.js';

/** Bytes of a mapping file: some ten thousand routes. */
const MAX_MAPPING = 1024 * 1024;
/** Bytes of any other file that a mapping names. */
export const MAX_OTHER = 1024 * 1024;

/** The text of a mapping file, or why there is none. Rejects only for what no file can be the reason of. */
export async function readMappingText(file: string): Promise<string | Diagnostic> {
  const refused = (message: string): Diagnostic => ({ file, line: 1, column: 1, severity: 'error', message });
  try {
    const bytes = await readAtMost(file, MAX_MAPPING);
    return isUtf8(bytes) ? bytes.toString('utf8') : refused('the file is not UTF-8 text');
  } catch (error) {
    return refused(`the file cannot be read: ${reasonOf(error)}`);
  }
}

/** The YAML of a text, unless it is too large to be read. */
export function readBounded(file: string, text: string): ReturnType<typeof readYaml> {
  if (Buffer.byteLength(text) <= MAX_MAPPING) return readYaml(file, text);
  const { report } = readYaml(file, '');
  report.add('error', 0, `the file is larger than ${MAX_MAPPING} bytes`);
  return { report, root: undefined };
}

/** The bytes of a file, device or pipe, but never more than `limit`. */
export async function readAtMost(path: string, limit: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(64 * 1024), 0, 64 * 1024, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      size += bytesRead;
      if (size > limit) throw new Error(`it is larger than ${limit} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { BridgeError } from '../errors.js';

/** What Java loads code from: none of it may come along unlisted. */
const CODE = /\.(?:jar|war)$/;

/** Problems told of one download. */
const TOLD = 8;

/** What `sha256sum` writes: digest, two characters, path. */
function parseList(text: string): ReadonlyMap<string, string> {
  const lines = text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm);
  return new Map([...lines].map(([, digest = '', path = '']) => [path, digest]));
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Paths of the files below the folder, with `/` in between. */
async function filesIn(folder: string): Promise<ReadonlySet<string>> {
  const files = new Set<string>();
  for (const path of await readdir(folder, { recursive: true }))
    if ((await stat(join(folder, path))).isFile()) files.add(path.split(sep).join('/'));
  return files;
}

/**
 * Holds a folder of downloaded files against a list as `sha256sum` writes it: each file of the list has to be there and to be the same, and
 * each jar of the folder has to be in the list.
 * @throws BridgeError missing-prerequisite; `details` names the files
 */
export async function verifyChecksums(name: string, folder: string, list: string): Promise<void> {
  const wanted = parseList(await readFile(list, 'utf8'));
  const found = await filesIn(folder);
  const problems: string[] = [];
  for (const [path, digest] of wanted) {
    if (!found.has(path)) problems.push(`${path} is missing`);
    else if ((await sha256(join(folder, path))) !== digest) problems.push(`${path} is another file`);
  }
  for (const path of found)
    if (CODE.test(path) && !wanted.has(path)) problems.push(`${path} is not in the list`);
  if (problems.length === 0) return;
  const rest = problems.length > TOLD ? [`and ${problems.length - TOLD} more`] : [];
  throw new BridgeError(
    'missing-prerequisite',
    `what Maven fetched for ${name} is not what ${list} says; nothing of it is used. After a change of the pom the list has to be made anew`,
    { details: [...problems.slice(0, TOLD), ...rest] },
  );
}

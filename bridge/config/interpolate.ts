import { isAbsolute } from 'node:path';
import type { Node, Report, ScalarNode } from './source.js';

/** Where `${…}` values come from. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** The text of a file; rejects when it cannot be read. */
  readonly readText: (path: string) => Promise<string>;
}

/** A `${…}` that cannot be filled in; `offset` is the character in the text where it is. Never holds a value. */
export class InterpolationError extends Error {
  override readonly name = 'InterpolationError';
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * Fills in `${NAME}`, `${NAME:-default}` (also for an empty variable, as in a shell) and `${file:PATH}` (one line end
 * at its end cut off); `$${` stands for `${` itself. Where NAME is not set and NAME_FILE is, its value is in the file that the
 * latter names, as container engines hand over secrets. What is filled in is not looked at again.
 * @throws InterpolationError
 */
export async function interpolate(
  text: string,
  { env, readText }: Surroundings,
): Promise<{ readonly text: string; readonly inserted: readonly string[] }> {
  let result = '';
  const inserted: string[] = [];
  let at = 0;
  for (let hole = text.indexOf('${'); hole !== -1; hole = text.indexOf('${', at)) {
    if (text[hole - 1] === '$' && hole > at) {
      result += `${text.slice(at, hole - 1)}\${`;
      at = hole + 2;
      continue;
    }
    const end = text.indexOf('}', hole);
    if (end === -1)
      throw new InterpolationError('this ${ is never closed; write $${ for the characters themselves', hole);
    const name = text.slice(hole + 2, end);
    result += text.slice(at, hole);
    at = end + 1;
    const path = name.startsWith('file:') ? name.slice('file:'.length) : undefined;
    const filled =
      path !== undefined
        ? { value: await fileText(path, `the file ${JSON.stringify(path)}`, hole, readText), own: false }
        : await variable(name, hole, { env, readText });
    if (!filled.own) inserted.push(filled.value);
    result += filled.value;
  }
  return { text: result + text.slice(at), inserted };
}

/** `own`: the value stands in the mapping file itself. */
async function variable(
  source: string,
  offset: number,
  { env, readText }: Surroundings,
): Promise<{ value: string; own: boolean }> {
  const [, name, fallback] = VARIABLE.exec(source) ?? [];
  if (name === undefined)
    throw new InterpolationError(
      `this is not \${NAME}, \${NAME:-default} or \${file:/path}; write $\${ for the characters themselves`,
      offset,
    );
  const value = settingOf(name, env);
  const path = settingOf(`${name}_FILE`, env) || undefined;
  if (value && path !== undefined)
    throw new InterpolationError(
      `the environment variables ${name} and ${name}_FILE are both set; unset one of them`,
      offset,
    );
  if (path !== undefined)
    return { value: await fileText(path, namedBy(`${name}_FILE`, path), offset, readText), own: false };
  if (value !== undefined && (value !== '' || fallback === undefined)) return { value, own: false };
  if (fallback !== undefined) return { value: fallback, own: true };
  // Variables of the environment are in capitals by custom, captures in small letters.
  const capture = /^[a-z]/.test(name) ? `; a capture is {${name}}, without "$"` : '';
  throw new InterpolationError(
    `the environment variable ${name} is not set; set it, or write \${${name}:-default}${capture}`,
    offset,
  );
}

const settingOf = (name: string, env: NodeJS.ProcessEnv) =>
  Object.hasOwn(env, name) ? env[name] : undefined;

/** What is no path from the root was perhaps meant to be the secret itself, and is not shown. */
const namedBy = (variable: string, path: string) =>
  isAbsolute(path)
    ? `the file ${JSON.stringify(path)}, which the environment variable ${variable} names,`
    : `the file that the environment variable ${variable} names`;

async function fileText(
  path: string,
  what: string,
  offset: number,
  readText: Surroundings['readText'],
): Promise<string> {
  if (path === '') throw new InterpolationError(`\${file:…} needs the path of a file`, offset);
  try {
    return (await readText(path)).replace(/\r?\n$/, '');
  } catch (error) {
    throw new InterpolationError(`${what} cannot be read: ${reasonOf(error)}`, offset);
  }
}

/**
 * The environment with these variables filled in from the files of their `NAME_FILE`, which are gone from it.
 * @throws InterpolationError
 */
export async function withoutFiles(
  names: readonly string[],
  { env, readText }: Surroundings,
): Promise<NodeJS.ProcessEnv> {
  const result = { ...env };
  for (const name of names) {
    const { text } = await interpolate(`\${${name}:-}`, { env, readText });
    if (text !== '') result[name] = text;
    delete result[`${name}_FILE`];
  }
  return result;
}

/** Why a file could not be read, without what it holds. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of its path is not a directory',
  };
  return reasons[code] ?? (code === '' && error instanceof Error ? error.message : code);
}

/** The same tree with every `${…}` in its scalars filled in. What cannot be is reported and left as it is. */
export async function interpolateTree(node: Node, surroundings: Surroundings, report: Report): Promise<Node> {
  if (node.kind === 'map') {
    const entries = new Map<string, Node>();
    for (const [name, value] of node.entries)
      entries.set(name, await interpolateTree(value, surroundings, report));
    return { ...node, entries };
  }
  if (node.kind === 'list') {
    const items: Node[] = [];
    for (const item of node.items) items.push(await interpolateTree(item, surroundings, report));
    return { ...node, items };
  }
  return typeof node.value === 'string' && node.value.includes('${')
    ? interpolateScalar(node, node.value, surroundings, report)
    : node;
}

async function interpolateScalar(
  node: ScalarNode,
  source: string,
  surroundings: Surroundings,
  report: Report,
): Promise<Node> {
  try {
    const { text, inserted } = await interpolate(source, surroundings);
    return { ...node, value: text, inserted };
  } catch (error) {
    if (!(error instanceof InterpolationError)) throw error;
    report.at(node, error.message, { within: error.offset });
    return { ...node, failed: true };
  }
}

/** The number or truth value that an interpolated text spells, for fields that want one; undefined when it spells none. */
export function spelledValue(text: string): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

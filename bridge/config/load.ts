import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { TlsOptions } from '../connectors/connector.js';
import { buildConfig } from './build.js';
import { checkBrokers } from './check-brokers.js';
import { checkLoops } from './check-loops.js';
import { checkReplies } from './check-replies.js';
import { checkRoutes } from './check-routes.js';
import { checkTests } from './check-tests.js';
import type { Config } from './config.js';
import { type Diagnostic, sortDiagnostics } from './diagnostic.js';
import { interpolateTree, reasonOf, spelledValue } from './interpolate.js';
import { flattenIssues, type Issue, reportIssues } from './issues.js';
import { prune } from './prune.js';
import { type Mapping, mappingSchema } from './schema.js';
import { type Node, nodeAt, type Report, readYaml, toPlain } from './source.js';

export { type Diagnostic, formatDiagnostic } from './diagnostic.js';

export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Diagnostic[] }
  /** At least one of the diagnostics is an error. */
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Reads a file named by the mapping (`${file:…}`, TLS); rejects when it cannot. */
export type ReadFile = (path: string) => Promise<Buffer>;

/** Bytes of a mapping file: some ten thousand routes. */
const MAX_MAPPING = 1024 * 1024;
/** Bytes of any other file that a mapping names. */
const MAX_OTHER = 1024 * 1024;

/** Reads and checks a mapping file. Never rejects for what is in it or for not being there: that is a diagnostic. */
export async function loadConfig(file: string, env: NodeJS.ProcessEnv): Promise<LoadResult> {
  const refused = (message: string): LoadResult => ({
    ok: false,
    diagnostics: [{ file, line: 1, column: 1, severity: 'error', message }],
  });
  let bytes: Buffer;
  try {
    bytes = await readAtMost(file, MAX_MAPPING);
  } catch (error) {
    return refused(`the file cannot be read: ${reasonOf(error)}`);
  }
  if (!isUtf8(bytes)) return refused('the file is not UTF-8 text');
  return parseConfig(bytes.toString('utf8'), file, env, (path) => readAtMost(path, MAX_OTHER));
}

/**
 * Checks the text of a mapping file. All problems come out at once, in the order of the file; paths in it start at the
 * file's folder.
 */
export async function parseConfig(
  text: string,
  file: string,
  env: NodeJS.ProcessEnv,
  readFile: ReadFile,
): Promise<LoadResult> {
  const { report, root } = readMapping(text, file);
  const config =
    root === undefined
      ? undefined
      : await check(root, env, report, (path) => readFile(resolve(dirname(file), path)));
  const diagnostics = sortDiagnostics(report.diagnostics);
  return report.ok && config !== undefined
    ? { ok: true, config, warnings: diagnostics }
    : { ok: false, diagnostics };
}

function readMapping(text: string, file: string): ReturnType<typeof readYaml> {
  if (Buffer.byteLength(text) <= MAX_MAPPING) return readYaml(file, text);
  const { report } = readYaml(file, '');
  report.add('error', 0, `the file is larger than ${MAX_MAPPING} bytes`);
  return { report, root: undefined };
}

async function check(
  source: Node,
  env: NodeJS.ProcessEnv,
  report: Report,
  readFile: ReadFile,
): Promise<Config | undefined> {
  const readText = async (path: string) => (await readFile(path)).toString('utf8');
  const root = await interpolateTree(source, { env, readText }, report);
  const mapping = validate(root, report);
  if (mapping === undefined) return undefined;
  checkBrokers(mapping, root, report);
  checkRoutes(mapping, root, report);
  checkReplies(mapping, root, report);
  checkLoops(mapping, root, report);
  checkTests(mapping, root, report);
  const tls = await readTls(mapping, root, readFile, report);
  return report.ok ? buildConfig(mapping, tls) : undefined;
}

/** What of the file the schema takes; undefined when that is nothing. The rest is reported. */
function validate(root: Node, report: Report): Mapping | undefined {
  const value = toPlain(root);
  let result = mappingSchema.safeParse(value);
  if (!result.success && spellOut(value, flattenIssues(result.error.issues), root))
    result = mappingSchema.safeParse(value);
  if (!result.success) reportIssues(flattenIssues(result.error.issues), root, report);
  // Each cut can leave something incomplete a level further up, and there are six levels.
  for (let cuts = 0; cuts < 8 && !result.success; cuts++) {
    if (!prune(value, flattenIssues(result.error.issues))) return undefined;
    result = mappingSchema.safeParse(value);
  }
  return result.success ? result.data : undefined;
}

/** Interpolated text becomes the number or truth value it spells where the schema does not take the text. */
function spellOut(value: unknown, issues: readonly Issue[], root: Node): boolean {
  let changed = false;
  for (const { path } of issues) {
    const node = nodeAt(root, path);
    if (node?.kind !== 'scalar' || node.inserted === undefined || typeof node.value !== 'string') continue;
    const spelled = spelledValue(node.value);
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown>)[step], value);
    const key = path.at(-1);
    if (spelled === undefined || key === undefined) continue;
    (parent as Record<PropertyKey, unknown>)[key] = spelled;
    changed = true;
  }
  return changed;
}

async function readTls(
  mapping: Mapping,
  root: Node,
  readFile: ReadFile,
  report: Report,
): Promise<ReadonlyMap<string, TlsOptions>> {
  const all = new Map<string, TlsOptions>();
  for (const [name, { tls }] of Object.entries(mapping.brokers)) {
    if (tls === undefined) continue;
    const files: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
    for (const part of ['ca', 'cert', 'key'] as const) {
      const path = tls[part];
      const node = nodeAt(root, ['brokers', name, 'tls', part]);
      if (path === undefined || node === undefined) continue;
      try {
        files[part] = await readFile(path);
      } catch (error) {
        report.at(node, `the file ${JSON.stringify(path)} cannot be read: ${reasonOf(error)}`);
      }
    }
    all.set(name, files);
  }
  return all;
}

/** The bytes of a file, device or pipe, but never more than `limit`. */
async function readAtMost(path: string, limit: number): Promise<Buffer> {
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

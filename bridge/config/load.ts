import { dirname, resolve } from 'node:path';
import { buildConfig } from './build.js';
import { checkAcrossRoutes } from './check-across-routes.js';
import { checkBrokers } from './check-brokers.js';
import { checkHttp } from './check-http.js';
import { withoutSlippedKeys } from './check-indent.js';
import { checkLoops } from './check-loops.js';
import { checkReplies } from './check-replies.js';
import { checkRoutes } from './check-routes.js';
import { checkStandby } from './check-standby.js';
import { checkTests, placesOfTests } from './check-tests.js';
import type { Config } from './config.js';
import { conform } from './conform.js';
import { type Diagnostic, sortDiagnostics } from './diagnostic.js';
import { interpolateTree } from './interpolate.js';
import { MAX_OTHER, readAtMost, readBounded, readMappingText } from './read-file.js';
import { readTls, type TlsFiles } from './read-tls.js';
import { keysAt, type Mapping, mappingSchema } from './schema.js';
import type { Node, Report } from './source.js';
import { type Written, writtenOf } from './written.js';

export { type Diagnostic, formatDiagnostic, formatDiagnostics } from './diagnostic.js';

export type LoadResult = (
  | {
      readonly ok: true;
      readonly config: Config;
      readonly warnings: readonly Diagnostic[];
      /** The file as its writer knows it, made when asked for. */
      readonly written: () => Written;
    }
  /** At least one of the diagnostics is an error. */
  | {
      readonly ok: false;
      readonly diagnostics: readonly Diagnostic[];
      /** As in a Config, and those that could not be read: one of them may be what is wrong. */
      readonly files: readonly string[];
    }
) & {
  /** What the diagnostics point into: the text of the file, its secrets as stars; empty when there are none. */
  readonly text: string;
};

/** Reads a file named by the mapping (`${file:…}`, TLS); rejects when it cannot. */
export type ReadFile = (path: string) => Promise<Buffer>;

/** Reads and checks a mapping file. Never rejects for what is in it or for not being there: that is a diagnostic. */
export async function loadConfig(file: string, env: NodeJS.ProcessEnv): Promise<LoadResult> {
  const text = await readMappingText(file);
  if (typeof text !== 'string') return { ok: false, diagnostics: [text], files: [], text: '' };
  return parseConfig(text, file, env, (path) => readAtMost(path, MAX_OTHER));
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
  const { report, root } = readBounded(file, text);
  const named = new Set<string>();
  const readNamed = (path: string) => {
    const full = resolve(dirname(file), path);
    named.add(full);
    return readFile(full);
  };
  const mapping = root === undefined ? undefined : await check(root, env, report, readNamed);
  const diagnostics = sortDiagnostics(report.diagnostics);
  const shown = diagnostics.length === 0 ? '' : report.shown;
  if (!report.ok || root === undefined || mapping === undefined)
    return { ok: false, diagnostics, files: [...named], text: shown };
  const { tls, checked } = mapping;
  const config = buildConfig(checked, { tls, files: [...named], placeOfTest: placesOfTests(root, report) });
  return { ok: true, config, warnings: diagnostics, text: shown, written: () => writtenOf(checked, root) };
}

async function check(
  source: Node,
  env: NodeJS.ProcessEnv,
  report: Report,
  readFile: ReadFile,
): Promise<{ readonly checked: Mapping; readonly tls: TlsFiles } | undefined> {
  const readText = async (path: string) => (await readFile(path)).toString('utf8');
  const root = withoutSlippedKeys(await interpolateTree(source, { env, readText }, report), report);
  const mapping = conform(mappingSchema, keysAt, root, report);
  if (mapping === undefined) return undefined;
  checkBrokers(mapping, root, report);
  checkStandby(mapping, root, report);
  checkRoutes(mapping, root, report);
  checkReplies(mapping, root, report);
  checkLoops(mapping, root, report);
  checkAcrossRoutes(mapping, root, report);
  checkHttp(mapping, root, report);
  checkTests(mapping.tests, Object.keys(mapping.brokers), root, report);
  const tls = await readTls(mapping, root, readFile, report);
  return { checked: mapping, tls };
}

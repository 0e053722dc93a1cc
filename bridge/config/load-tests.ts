import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { buildTests } from './build.js';
import { checkTests, placesOfTests } from './check-tests.js';
import type { TestCase } from './config.js';
import { conform } from './conform.js';
import { type Diagnostic, sortDiagnostics } from './diagnostic.js';
import { interpolateTree } from './interpolate.js';
import { MAX_OTHER, readAtMost, readBounded, readMappingText } from './read-file.js';
import { keysAt, testFileSchema } from './schema.js';
import type { Path } from './source.js';

/** Tests that stand in a file of their own. */
export type TestsResult = {
  readonly file: string;
  /** The text of the file, its secrets as stars. */
  readonly text: string;
} & (
  | { readonly ok: true; readonly tests: readonly TestCase[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }
);

/** Does a file of this name hold tests alone? */
export const isTestFile = (file: string): boolean => /\.test\.ya?ml$/.test(file);

/** The files of tests that there are for a mapping file: `chat.test.yaml` beside `chat.yaml`. */
export async function testFilesFor(mappingFile: string): Promise<string[]> {
  const name = mappingFile.replace(/\.ya?ml$/, '');
  const candidates = [`${name}.test.yaml`, `${name}.test.yml`];
  const found = await Promise.all(
    candidates.map((file) =>
      access(file).then(
        () => [file],
        () => [],
      ),
    ),
  );
  return found.flat();
}

/**
 * Reads and checks a file of tests for a mapping that has these brokers. Never rejects for what is in it: that is a
 * diagnostic.
 */
export async function loadTests(
  file: string,
  brokers: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<TestsResult> {
  const text = await readMappingText(file);
  if (typeof text !== 'string') return { ok: false, file, text: '', diagnostics: [text] };
  const { report, root: source } = readBounded(file, text);
  const refused = (): TestsResult => ({
    ok: false,
    file,
    text: report.shown,
    diagnostics: sortDiagnostics(report.diagnostics),
  });
  if (source === undefined) return refused();
  const readText = async (path: string) =>
    (await readAtMost(resolve(dirname(file), path), MAX_OTHER)).toString('utf8');
  const root = await interpolateTree(source, { env, readText }, report);
  const tests = conform(testFileSchema, keysAtTests, root, report)?.tests;
  if (tests !== undefined) checkTests(tests, brokers, root, report);
  if (!report.ok || tests === undefined) return refused();
  return { ok: true, file, text: '', tests: buildTests(tests, placesOfTests(root, report)) };
}

const keysAtTests = (path: Path): readonly string[] =>
  path.length === 0 ? Object.keys(testFileSchema.shape) : keysAt(path);

import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Context } from '../../bridge/cli/context.js';
import { test } from '../../bridge/cli/test.js';
import { formatDiagnostic, loadConfig } from '../../bridge/config/load.js';
import { mappingJsonSchema } from '../../bridge/config/schema.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import { headingsOf, linksOf, pages, TOP } from '../support/docs.js';

/** The fenced blocks of a page that are whole mapping files. */
function mappingsIn(markdown: string): string[] {
  const blocks = markdown.matchAll(/^```yaml\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, text = '']) => text).filter((text) => /^routes:/m.test(text));
}

const QUIET: Context = {
  env: {},
  terminal: false,
  stop: new AbortController().signal,
  onHangup: () => {},
  say: () => {},
  complain: () => {},
};

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** Every key that a schema knows, as a path; `*` stands for a name of the user's choice. */
function keysOf(schema: Schema, path = ''): string[] {
  const { properties = {}, additionalProperties, items, anyOf = [] } = schema;
  return [
    ...Object.entries(properties).flatMap(([key, value]) => [
      `${path}.${key}`,
      ...keysOf(value, `${path}.${key}`),
    ]),
    ...(typeof additionalProperties === 'object' ? keysOf(additionalProperties, `${path}.*`) : []),
    ...(items === undefined ? [] : keysOf(items, path)),
    ...anyOf.flatMap((one) => keysOf(one, path)),
  ];
}

/** Every path of a schema that a value uses. */
function keysUsed(schema: Schema, value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => keysUsed(schema.items ?? schema, one, path));
  if (typeof value !== 'object' || value === null) return [];
  const branches = [
    schema,
    ...(schema.anyOf ?? []),
    ...(schema.anyOf ?? []).flatMap(({ items }) => items ?? []),
  ];
  return branches.flatMap(({ properties, additionalProperties }) =>
    Object.entries(value).flatMap(([key, inside]) => {
      const known = properties?.[key];
      if (known !== undefined) return [`${path}.${key}`, ...keysUsed(known, inside, `${path}.${key}`)];
      return typeof additionalProperties === 'object'
        ? keysUsed(additionalProperties, inside, `${path}.*`)
        : [];
    }),
  );
}

describe('the reference of the mapping file', () => {
  it('shows every key of the schema in an example', async () => {
    const schema = mappingJsonSchema() as Schema;
    const examples = mappingsIn(await readFile(join(TOP, 'docs/mapping.md'), 'utf8'));
    const used = new Set(examples.flatMap((text) => keysUsed(schema, parse(text))));
    expect(keysOf(schema).filter((key) => !used.has(key))).toEqual([]);
  });

  it('names every key in a table or a sentence', async () => {
    const page = await readFile(join(TOP, 'docs/mapping.md'), 'utf8');
    const prose = page.replace(/^```[\s\S]*?^```$/gm, '');
    const names = new Set(keysOf(mappingJsonSchema() as Schema).map((key) => key.split('.').at(-1) ?? ''));
    const missing = [...names].filter(
      (name) => !new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``).test(prose) && !prose.includes(`## ${name}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('what the documentation says', () => {
  let folder = '';
  let authority: Authority;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bridge-docs-'));
    authority = await createAuthority('docs');
    const { cert, key } = await authority.client('bridge');
    const contents = { 'plant-ca.pem': authority.ca, 'bridge.pem': cert, 'bridge-key.pem': key };
    for (const [name, file] of Object.entries(contents)) await copyFile(file, join(folder, name));
  });
  afterAll(async () => {
    await authority?.remove();
    await rm(folder, { recursive: true });
  });

  it('as a whole mapping file is valid, and there is one in the README', async () => {
    let found = 0;
    for (const page of await pages()) {
      for (const mapping of mappingsIn(await readFile(join(TOP, page), 'utf8'))) {
        found++;
        const file = join(folder, 'mapping.yaml');
        await writeFile(file, mapping);
        const result = await loadConfig(file, {});
        const problems = result.ok ? result.warnings : result.diagnostics;
        expect(
          problems.map((one) => formatDiagnostic(one)),
          page,
        ).toEqual([]);
        if (result.ok && result.config.tests.length > 0) {
          const lines: string[] = [];
          await test(file, { ...QUIET, say: (line) => lines.push(line) });
          expect(lines.filter((line) => line.startsWith('FAIL'))).toEqual([]);
        }
      }
    }
    expect(found).toBeGreaterThan(0);
  });

  it('as a link to a file of ours, or to a heading in one, leads there', async () => {
    const wrong: string[] = [];
    for (const page of await pages()) {
      for (const { file, heading } of linksOf(await readFile(join(TOP, page), 'utf8'))) {
        const target = file === '' ? join(TOP, page) : join(TOP, page, '..', file);
        const text = await readFile(target, 'utf8').catch(({ code }: NodeJS.ErrnoException) =>
          code === 'EISDIR' ? '' : undefined,
        );
        if (text === undefined || (heading !== undefined && !headingsOf(text).has(heading)))
          wrong.push(`${page}: ${file}${heading === undefined ? '' : `#${heading}`}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

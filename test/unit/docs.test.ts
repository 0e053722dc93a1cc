import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDiagnostic, loadConfig } from '../../bridge/config/load.js';

const TOP = fileURLToPath(new URL('../../', import.meta.url));

async function pages(): Promise<string[]> {
  const inDocs = (await readdir(join(TOP, 'docs'))).filter((name) => name.endsWith('.md'));
  return [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'mappings/README.md',
    ...inDocs.map((name) => `docs/${name}`),
  ];
}

/** The fenced blocks of a page that are whole mapping files. */
function mappingsIn(markdown: string): string[] {
  const blocks = markdown.matchAll(/^```yaml\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, text = '']) => text).filter((text) => /^routes:/m.test(text));
}

describe('what the documentation says', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bridge-docs-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

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
      }
    }
    expect(found).toBeGreaterThan(0);
  });

  it('as a link to a file of ours leads to one', async () => {
    for (const page of await pages()) {
      const links = (await readFile(join(TOP, page), 'utf8')).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g);
      for (const [, link = ''] of links) {
        const target = join(TOP, page, '..', link);
        await expect(
          readFile(target).then(
            () => 'there',
            (error: NodeJS.ErrnoException) => error.code,
          ),
          `${page}: ${link}`,
        ).resolves.toMatch(/^(there|EISDIR)$/);
      }
    }
  });
});

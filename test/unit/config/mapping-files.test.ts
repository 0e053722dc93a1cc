import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../../bridge/cli/program.js';
import { formatDiagnostic, type LoadResult, loadConfig } from '../../../bridge/config/load.js';
import { isTestFile } from '../../../bridge/config/load-tests.js';
import { mappingJsonSchema } from '../../../bridge/config/schema.js';

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const yamlIn = (folder: string) =>
  readdirSync(at(folder)).filter((name) => name.endsWith('.yaml') && !isTestFile(name));

/** What the files under test/config refer to. */
const ENV = { SECRET_WORD: 'correct-horse', SECRET_HOLE: '{staple}', BRIDGE_PASSWORD: 'battery' };

function lines(result: LoadResult, folder: string): string {
  const diagnostics = result.ok ? result.warnings : result.diagnostics;
  return diagnostics.map((one) => `${formatDiagnostic(one).replace(at(folder), '')}\n`).join('');
}

describe('a mapping file that is wrong', () => {
  it.each(yamlIn('test/config/bad'))('%s gives exactly the diagnostics in its .txt', async (name) => {
    const file = at(`test/config/bad/${name}`);
    const result = await loadConfig(file, ENV);
    expect(result.ok).toBe(false);
    const found = lines(result, 'test/config/bad/');
    for (const secret of Object.values(ENV)) expect(found).not.toContain(secret);
    expect(found).toBe(readFileSync(file.replace(/yaml$/, 'txt'), 'utf8'));
  });
});

describe('a mapping file that is right', () => {
  it.each(yamlIn('test/config/good'))('%s loads without a warning', async (name) => {
    const result = await loadConfig(at(`test/config/good/${name}`), ENV);
    expect(lines(result, 'test/config/good/')).toBe('');
    expect(result.ok).toBe(true);
  });

  it.each(yamlIn('mappings'))('mappings/%s loads without a warning in an empty environment', async (name) => {
    const result = await loadConfig(at(`mappings/${name}`), {});
    expect(lines(result, 'mappings/')).toBe('');
    expect(result.ok).toBe(true);
  });
});

describe('the tests in a mapping file that ships', () => {
  it.each(yamlIn('mappings'))('mappings/%s pass, and every rule has one', async (name) => {
    const lines: string[] = [];
    const say = (line: string) => void lines.push(line);
    const stop = new AbortController().signal;
    const context = { env: {}, terminal: false, stop, onHangup: () => {}, say, complain: say };
    await runCli(['test', at(`mappings/${name}`)], context);
    expect(lines.at(-1)).toMatch(/^[1-9]\d* passed, 0 failed$/);
  });
});

it('mappings/mapping.schema.json is what config/schema.ts makes', () => {
  const written: unknown = JSON.parse(readFileSync(at('mappings/mapping.schema.json'), 'utf8'));
  expect(JSON.parse(JSON.stringify(mappingJsonSchema()))).toEqual(written);
});

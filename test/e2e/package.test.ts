import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckoutCopy, copyCheckout } from '../support/checkout-copy.js';

/** Packs the package, installs it into an empty folder as a user would, and runs it from there. */

const run = promisify(execFile);

let copy: CheckoutCopy;
let folder = '';

beforeAll(async () => {
  copy = await copyCheckout();
  folder = await mkdtemp(join(tmpdir(), 'activemq-bridge-package-'));
  // With `prepack`, which builds.
  await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy.top });
  const [tarball = ''] = await readdir(folder);
  // Its dependencies come from npm's cache where they are there, else from the registry.
  await run(
    'npm',
    ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, tarball)],
    { cwd: folder },
  );
});
afterAll(async () => {
  await copy?.remove();
  await rm(folder, { recursive: true, force: true });
});

/** The installed command; rejects with its output when its exit code is not 0. */
const bridge = (...args: readonly string[]) =>
  run('npx', ['--no', '--', 'activemq-bridge', ...args], { cwd: folder });

const installed = (path: string) => join(folder, 'node_modules', 'activemq-bridge', path);

describe('the package', () => {
  it('validates a mapping file, and tests it', async () => {
    await writeFile(join(folder, 'chat.yaml'), await readFile(installed('mappings/chat.yaml')));
    expect((await bridge('validate', 'chat.yaml')).stdout).toContain('chat.yaml');
    expect((await bridge('test', 'chat.yaml')).stdout).toMatch(/^\d+ passed, 0 failed$/m);
  });

  it('refuses a wrong one with exit code 2', async () => {
    await writeFile(join(folder, 'wrong.yaml'), 'version: 1\nroutess: {}\n');
    await expect(bridge('validate', 'wrong.yaml')).rejects.toMatchObject({ code: 2 });
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile(installed('package.json'), 'utf8')) as { version: string };
    expect((await bridge('--version')).stdout.trim()).toBe(version);
  });

  it('has what `up` needs, and neither sources nor tests', async () => {
    for (const path of [
      'dist/web/index.html',
      'broker/activemq.xml',
      'broker/jars.sha256',
      'broker/java',
      'docker/compose.yaml',
      'docker/broker.Dockerfile',
      'docker/demo/bridge-password',
    ])
      expect(await readdir(installed(join(path, '..')))).toContain(path.split('/').at(-1));
    expect(await readdir(installed('.'))).toEqual(
      expect.not.arrayContaining(['test', 'bench', 'web', 'bridge', 'scripts', 'node_modules']),
    );
    const built = await readdir(installed('dist'), { recursive: true });
    expect(built.filter((name) => name.endsWith('.map'))).toEqual([]);
  });
});

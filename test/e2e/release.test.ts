import { createHash } from 'node:crypto';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CheckoutCopy, copyCheckout } from '../support/checkout-copy.js';
import { startChild } from '../support/child.js';

/** Cuts a release in a copy of this checkout, without its tests. */

/** Milliseconds for a test that builds everything, on a machine that others use too. */
const BUILDS = 240_000;

let copy: CheckoutCopy;
let before = '';

beforeAll(async () => {
  copy = await copyCheckout();
  before = await copy.git('rev-parse', 'HEAD');
});
afterEach(async () => {
  await copy.git('checkout', '--quiet', '--force', 'main');
});
afterAll(() => copy?.remove());

const identity = {
  GIT_AUTHOR_NAME: 'test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
};
const release = (...args: readonly string[]) =>
  startChild(process.execPath, ['--import', 'tsx', 'scripts/release.ts', ...args], {
    cwd: copy.top,
    env: identity,
  }).ended;

describe('a dry run of a release', () => {
  it('makes the files, and changes nothing', { timeout: BUILDS }, async () => {
    const { code, stdout, stderr } = await release('98.7.6', '--dry-run');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('commit: Release 98.7.6');
    for (const name of ['CHANGELOG.md', 'package.json', 'package-lock.json', 'kustomization.yaml'])
      expect(stdout).toContain(name);
    expect(await copy.git('rev-parse', 'HEAD')).toBe(before);
    expect(await copy.git('tag')).toBe('');
    expect(await copy.git('status', '--porcelain')).toBe('');

    const folder = join(copy.top, 'release', '98.7.6');
    const named = 'activemq-bridge-98.7.6';
    expect((await readdir(folder)).sort()).toEqual([
      'SHA256SUMS',
      `${named}.cdx.json`,
      `${named}.md`,
      `${named}.tgz`,
    ]);
    for (const line of (await readFile(join(folder, 'SHA256SUMS'), 'utf8')).trim().split('\n')) {
      const [digest, name = ''] = line.split('  ');
      expect(
        createHash('sha256')
          .update(await readFile(join(folder, name)))
          .digest('hex'),
      ).toBe(digest);
    }
    const sbom = JSON.parse(await readFile(join(folder, `${named}.cdx.json`), 'utf8')) as {
      bomFormat: string;
      metadata: { component: { name: string; version: string } };
      components: { name: string; version: string }[];
    };
    expect(sbom.bomFormat).toBe('CycloneDX');
    expect(sbom.metadata.component).toMatchObject({ name: 'activemq-bridge', version: '98.7.6' });
    // What `npm ci --omit=dev` installs, and nothing else.
    const { packages } = JSON.parse(await readFile(join(copy.top, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; version: string }>;
    };
    const wanted = Object.entries(packages)
      .filter(([path, { dev }]) => path !== '' && dev !== true)
      .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`);
    const found = sbom.components.map(({ name, version }) => `${name} ${version}`);
    expect([...new Set(found)].sort()).toEqual([...new Set(wanted)].sort());
    expect(await readFile(join(folder, `${named}.md`), 'utf8')).toMatch(/^- /m);
  });

  it('is refused for a version that is not later', async () => {
    expect(await release('0.0.1', '--dry-run')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('0.0.1 is not later than'),
    });
  });

  it('is refused on another branch', async () => {
    await copy.git('checkout', '--quiet', '-B', 'elsewhere');
    expect(await release('minor', '--dry-run')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('releases are cut on main; this is elsewhere'),
    });
  });

  it('is refused with changes that are not committed', async () => {
    await appendFile(join(copy.top, 'README.md'), '\nMore.\n');
    expect(await release('minor', '--dry-run')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not committed:\n ?M README\.md/),
    });
  });

  it('is refused for a version that was released before', async () => {
    await copy.git('tag', 'v98.7.5');
    const { code, stderr } = await release('98.7.5', '--dry-run');
    await copy.git('tag', '--delete', 'v98.7.5');
    expect(stderr).toContain('there is a tag v98.7.5 already');
    expect(code).toBe(1);
  });
});

describe('a release', () => {
  /** The whole test run is not for here: one that ends at once takes its place. */
  const withTests = async (script: string) => {
    const file = join(copy.top, 'package.json');
    const manifest = JSON.parse(await readFile(file, 'utf8')) as { scripts: Record<string, string> };
    delete manifest.scripts.pretest;
    manifest.scripts.test = script;
    await writeFile(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
    await copy.git('commit', '--quiet', '--all', '--message', `Tests: ${script}`);
  };

  it('is not made when the tests fail', async () => {
    await withTests('exit 3');
    const head = await copy.git('rev-parse', 'HEAD');
    expect(await release('98.0.0')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('npm test failed'),
    });
    expect(await copy.git('rev-parse', 'HEAD')).toBe(head);
    expect(await copy.git('tag')).toBe('');
  });

  it('is a commit with the version everywhere, and a tag with the notes', { timeout: BUILDS }, async () => {
    await withTests('exit 0');
    const { code, stdout } = await release('99.0.0');
    expect(code).toBe(0);
    expect(stdout).toContain('git push origin main v99.0.0');
    expect(await copy.git('log', '-1', '--format=%s')).toBe('Release 99.0.0');
    expect(await copy.git('rev-parse', 'v99.0.0^{commit}')).toBe(await copy.git('rev-parse', 'HEAD'));
    expect(await copy.git('tag', '--list', '--format=%(contents)')).toMatch(/^### /m);
    expect(await copy.git('status', '--porcelain')).toBe('');
    expect(await readFile(join(copy.top, 'CHANGELOG.md'), 'utf8')).toMatch(
      /^## Unreleased\n\n## 99\.0\.0 - \d{4}-\d\d-\d\d\n/m,
    );
    for (const name of ['compose.yaml', 'compose.artemis.yaml'])
      expect(await readFile(join(copy.top, 'docker', name), 'utf8')).toContain('activemq-bridge:99.0.0\n');
    const { version } = JSON.parse(await readFile(join(copy.top, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(version).toBe('99.0.0');
  });
});

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cutChangelog, nextVersion } from './release-notes.js';
import { runtimeSbom, type Sbom } from './sbom.js';

/** Cuts a release: CONTRIBUTING.md, "Releases". */

const TOP = fileURLToPath(new URL('..', import.meta.url));
const USAGE = 'usage: npm run release -- VERSION|major|minor|patch [--dry-run]';

/** Files that name the image's version. */
const IMAGE_NAMED_IN = [
  'docker/Dockerfile',
  'docker/compose.yaml',
  'docker/compose.artemis.yaml',
  'docker/kubernetes/kustomization.yaml',
  'docs/how-to/docker.md',
];

const say = (line: string) => console.log(`release: ${line}`);

/**
 * What a program prints.
 * @throws Error when it fails, with what it said
 */
function run(cwd: string, command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) throw new Error(`cannot run ${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
  return stdout.trim();
}

/** @throws Error unless everything that is here is committed on main, and the tag is free */
function checkCheckout(tag: string): void {
  const branch = run(TOP, 'git', 'branch', '--show-current');
  if (branch !== 'main') throw new Error(`releases are cut on main; this is ${branch || 'no branch'}`);
  const changed = run(TOP, 'git', 'status', '--porcelain');
  if (changed !== '') throw new Error(`there are changes that are not committed:\n${changed}`);
  if (run(TOP, 'git', 'tag', '--list', tag) !== '') throw new Error(`there is a tag ${tag} already`);
}

/** A whole test run, its output with ours: what fails it is not released. */
function runTests(): void {
  if (spawnSync('npm', ['test'], { cwd: TOP, stdio: 'inherit' }).status !== 0)
    throw new Error('npm test failed');
}

/** A clone to try the rest in, with the packages of this checkout. */
function cloneFor(folder: string): string {
  const clone = join(folder, 'activemq-bridge');
  run(TOP, 'git', 'clone', '--quiet', TOP, clone);
  for (const key of ['user.name', 'user.email']) {
    const value = spawnSync('git', ['config', key], { cwd: TOP, encoding: 'utf8' }).stdout.trim();
    if (value !== '') run(clone, 'git', 'config', key, value);
  }
  symlinkSync(join(TOP, 'node_modules'), join(clone, 'node_modules'), 'dir');
  return clone;
}

/** Writes the version where it stands. */
function writeVersion(top: string, current: string, version: string, changelog: string): void {
  run(top, 'npm', 'version', '--no-git-tag-version', '--ignore-scripts', version);
  writeFileSync(join(top, 'CHANGELOG.md'), changelog);
  for (const name of IMAGE_NAMED_IN) {
    const file = join(top, name);
    const text = readFileSync(file, 'utf8');
    const now = text
      .replaceAll(`activemq-bridge:${current}`, `activemq-bridge:${version}`)
      .replace(`newTag: ${current}\n`, `newTag: ${version}\n`);
    if (now === text) throw new Error(`${name} does not name the image activemq-bridge:${current}`);
    writeFileSync(file, now);
  }
}

function commitAndTag(top: string, version: string, notes: string): void {
  run(top, 'git', 'add', '--', 'package.json', 'package-lock.json', 'CHANGELOG.md', ...IMAGE_NAMED_IN);
  run(top, 'git', 'commit', '--quiet', '--message', `Release ${version}`);
  // A heading of the notes begins with the character that begins a comment to git.
  run(
    top,
    'git',
    'tag',
    '--annotate',
    '--cleanup=verbatim',
    `v${version}`,
    '--message',
    `activemq-bridge ${version}\n\n${notes}`,
  );
}

/** The package, its SBOM, the notes, and their checksums; the names of the files. */
function makeFiles(top: string, output: string, version: string, notes: string): readonly string[] {
  mkdirSync(output, { recursive: true });
  run(top, 'npm', 'pack', '--silent', '--pack-destination', output);
  const full = run(
    top,
    'npm',
    'sbom',
    '--sbom-format',
    'cyclonedx',
    '--sbom-type',
    'application',
    '--package-lock-only',
  );
  const sbom = runtimeSbom(JSON.parse(full) as Sbom, 'activemq-bridge');
  const named = `activemq-bridge-${version}`;
  writeFileSync(join(output, `${named}.cdx.json`), `${JSON.stringify(sbom, undefined, 2)}\n`);
  writeFileSync(join(output, `${named}.md`), notes);
  const files = [`${named}.tgz`, `${named}.cdx.json`, `${named}.md`];
  const sums = files.map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(output, name)))
        .digest('hex')}  ${name}\n`,
  );
  writeFileSync(join(output, 'SHA256SUMS'), sums.join(''));
  return [...files, 'SHA256SUMS'];
}

function release(wanted: string, dryRun: boolean): void {
  const { version: current } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as {
    version: string;
  };
  const version = nextVersion(current, wanted);
  const tag = `v${version}`;
  checkCheckout(tag);
  const date = new Date().toISOString().slice(0, 10);
  const { changelog, notes } = cutChangelog(readFileSync(join(TOP, 'CHANGELOG.md'), 'utf8'), version, date);
  const output = join(TOP, 'release', version);
  if (existsSync(output)) throw new Error(`there is a folder release/${version} already; remove it`);
  if (dryRun)
    say('dry run: the tests are not run, and commit and tag are made in a clone that is thrown away');
  else runTests();

  const draft = mkdtempSync(join(tmpdir(), 'activemq-bridge-release-'));
  try {
    // Files first and in a clone: what does not build leaves no commit and no tag behind.
    const clone = cloneFor(draft);
    writeVersion(clone, current, version, changelog);
    commitAndTag(clone, version, notes);
    const files = makeFiles(clone, output, version, notes);
    say(`${current} → ${version}; ${basename(TOP)}/release/${version}: ${files.join(', ')}`);
    for (const line of run(clone, 'git', 'show', '--stat', '--format=commit: %s', 'HEAD').split('\n'))
      say(`  ${line}`);
    if (dryRun) {
      say(`dry run: nothing was committed; ${tag} would be made`);
      return;
    }
    run(TOP, 'git', 'pull', '--quiet', '--ff-only', '--tags', clone, 'main');
    say(`${tag} is made. Look at it, then: git push origin main ${tag}`);
    say(`Hand out the files of release/${version}; the release notes are activemq-bridge-${version}.md`);
  } catch (error) {
    rmSync(output, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false } },
  });
  const [wanted, ...more] = positionals;
  if (wanted === undefined || more.length > 0) throw new Error(USAGE);
  release(wanted, values['dry-run']);
} catch (error) {
  console.error(`release: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

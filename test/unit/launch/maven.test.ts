import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fetchWithMaven, isFetched, type MavenFetch } from '../../../bridge/launch/maven.js';

let folder: string;
let said: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'activemq-bridge-maven-'));
  said = [];
  await writeFile(join(folder, 'pom.xml'), '<project/>');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const jars = (): MavenFetch => ({
  name: 'The jars',
  pom: join(folder, 'pom.xml'),
  goal: 'copy-dependencies',
  cacheDir: join(folder, 'cache'),
  folder: 'jars',
  say: (line) => said.push(line),
});

/** Puts a program `mvn` first on the PATH that runs these shell lines, `$out` being the folder it shall fill. */
async function withMaven(script: string): Promise<void> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const lines = [
    '#!/bin/sh',
    `echo run >> '${folder}/runs'`,
    'for a; do out=$(echo "$a" | cut -d= -f2); done',
    script,
  ];
  await writeFile(join(bin, 'mvn'), `${lines.join('\n')}\n`);
  await chmod(join(bin, 'mvn'), 0o755);
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env.PATH ?? ''}`);
}

const runs = async () => (await readFile(join(folder, 'runs'), 'utf8')).trim().split('\n').length;

describe('fetchWithMaven', () => {
  it('gives the folder that Maven filled, and does not run it again', async () => {
    await withMaven('touch "$out/a.jar"; echo "[INFO] Downloaded from central: x/a.jar (1.5 MB at 3 MB/s)"');
    expect(await isFetched(jars())).toBe(false);
    const first = await fetchWithMaven(jars());
    expect(await readdir(first)).toEqual(['a.jar']);
    expect(await isFetched(jars())).toBe(true);
    expect(await fetchWithMaven(jars())).toBe(first);
    expect(await runs()).toBe(1);
    expect(said).toEqual(['fetching The jars with Maven …', 'The jars: done (1 files, 1.5 MB downloaded)']);
  });

  it('fetches anew when the pom has changed', async () => {
    await withMaven('touch "$out/a.jar"');
    const first = await fetchWithMaven(jars());
    await writeFile(join(folder, 'pom.xml'), '<project></project>');
    expect(await fetchWithMaven(jars())).not.toBe(first);
  });

  it('may run twice at once', async () => {
    await withMaven('touch "$out/a.jar"');
    const [one, two] = await Promise.all([fetchWithMaven(jars()), fetchWithMaven(jars())]);
    expect(one).toBe(two);
    expect(await readdir(join(folder, 'cache'))).toHaveLength(1);
  });

  it('lets Maven refuse a file that is not as its repository says', async () => {
    await withMaven(`echo "$@" > '${folder}/arguments'`);
    await fetchWithMaven(jars());
    expect((await readFile(join(folder, 'arguments'), 'utf8')).split(' ')).toContain('-C');
  });

  describe('with a list of checksums', () => {
    const listed = (text: string) => createHash('sha256').update(text).digest('hex');
    const withList = async (...lines: readonly string[]) => {
      const checksums = join(folder, 'jars.sha256');
      await writeFile(checksums, lines.map((line) => `${line}\n`).join(''));
      return { ...jars(), checksums };
    };

    it('takes files that match it', async () => {
      await withMaven('mkdir "$out/lib"; printf good > "$out/lib/a.jar"; mkdir "$out/unpacked.war"');
      const fetched = await fetchWithMaven(await withList(`${listed('good')}  lib/a.jar`));
      expect(await readdir(fetched)).toEqual(['lib', 'unpacked.war']);
    });

    it('keeps nothing of a download with other, missing or further jars, and names them', async () => {
      await withMaven('printf evil > "$out/a.jar"; touch "$out/c.jar"');
      const what = await withList(`${listed('good')}  a.jar`, `${listed('')}  b.jar`);
      await expect(fetchWithMaven(what)).rejects.toMatchObject({
        code: 'missing-prerequisite',
        details: ['a.jar is another file', 'b.jar is missing', 'c.jar is not in the list'],
      });
      expect(await isFetched(what)).toBe(false);
      expect(await readdir(join(folder, 'cache'))).toEqual([]);
    });
  });

  it("fails with Maven's errors, without a mirror's password, and leaves nothing behind", async () => {
    await withMaven('touch "$out/half"; echo "[ERROR] cannot reach https://me:pw@mirror/x"; exit 1');
    await expect(fetchWithMaven(jars())).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: 'Maven could not fetch The jars (exit code 1); it said:',
      details: ['[ERROR] cannot reach https://mirror/x'],
    });
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('says what to install when there is no Maven', async () => {
    vi.stubEnv('PATH', folder);
    await expect(fetchWithMaven(jars())).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: expect.stringContaining('install Maven'),
    });
  });
});

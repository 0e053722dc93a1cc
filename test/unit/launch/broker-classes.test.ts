import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { compileBrokerClasses } from '../../../bridge/launch/broker-classes.js';

let folder: string;
let source: string;
let lib: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'activemq-bridge-classes-'));
  source = join(folder, 'java');
  lib = join(folder, 'lib');
  await mkdir(join(source, 'bridge'), { recursive: true });
  await mkdir(lib);
  await writeFile(join(source, 'bridge', 'One.java'), 'package bridge; public class One {}');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe('compileBrokerClasses', () => {
  it('compiles what is there, once, and again when it has changed', async () => {
    const first = await compileBrokerClasses(source, lib);
    expect(await readdir(join(first, 'bridge'))).toEqual(['One.class']);
    vi.stubEnv('JAVA_HOME', join(folder, 'nothing-here'));
    expect(await compileBrokerClasses(source, lib)).toBe(first);
    vi.unstubAllEnvs();
    await writeFile(join(source, 'bridge', 'Two.java'), 'package bridge; public class Two {}');
    const second = await compileBrokerClasses(source, lib);
    expect(await readdir(join(second, 'bridge'))).toEqual(['One.class', 'Two.class']);
    expect(await readdir(lib)).toHaveLength(2);
  });

  it('says that a JDK is needed where there is only a runtime, and leaves nothing behind', async () => {
    vi.stubEnv('JAVA_HOME', join(folder, 'nothing-here'));
    await expect(compileBrokerClasses(source, lib)).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: expect.stringContaining('a JDK is needed, not only a Java runtime'),
    });
    expect(await readdir(lib)).toEqual([]);
  });

  it('repeats what the compiler says of a mistake', async () => {
    await writeFile(
      join(source, 'bridge', 'One.java'),
      'package bridge; public class One { int x = "text"; }',
    );
    await expect(compileBrokerClasses(source, lib)).rejects.toMatchObject({
      message: "javac could not compile the broker's own classes; it said:",
      details: expect.arrayContaining([expect.stringContaining('incompatible types')]),
    });
  });
});

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Milliseconds for one build, a first download of its libraries included. */
const BUILD_TIMEOUT = 170_000;
/** Milliseconds between two looks at a lock that another process holds: a folder gives no event. */
const LOCK_POLL = 100;

/**
 * Runs `mvn package` in a folder unless its jar, `target/<jar>`, is newer than `pom.xml` and everything in `src`.
 * Two processes may call it at once: one builds, the other waits. Rejects with Maven's output when the build fails.
 */
export async function mavenPackage(folder: string, jar: string): Promise<void> {
  const target = join(folder, 'target');
  await mkdir(target, { recursive: true });
  const unlock = await lock(join(target, 'build.lock'));
  try {
    if (await isFresh(folder, join(target, jar))) return;
    await runMaven(folder);
  } finally {
    await unlock();
  }
}

async function runMaven(folder: string): Promise<void> {
  try {
    await promisify(execFile)('mvn', ['-q', '-B', '-C', 'package'], { cwd: folder, timeout: BUILD_TIMEOUT });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`mvn package failed in ${folder}\n${stdout}${stderr}`, { cause: error });
  }
}

async function isFresh(folder: string, jar: string): Promise<boolean> {
  const built = await modified(jar);
  if (built === undefined) return false;
  const sources = await readdir(join(folder, 'src'), { recursive: true });
  const times = await Promise.all(
    [join(folder, 'pom.xml'), ...sources.map((name) => join(folder, 'src', name))].map(modified),
  );
  return times.every((time) => time === undefined || time < built);
}

async function modified(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return undefined;
  }
}

/** A lock folder with its owner's process id inside: one of a process that is gone is taken away. */
async function lock(path: string): Promise<() => Promise<void>> {
  const owner = join(path, 'owner');
  const end = Date.now() + BUILD_TIMEOUT;
  while (Date.now() < end) {
    try {
      await mkdir(path);
      await writeFile(owner, String(process.pid));
      return () => rm(path, { recursive: true, force: true });
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
    }
    if (await isAbandoned(path, owner)) await takeAway(path);
    else await delay(LOCK_POLL);
  }
  throw new Error(`${path} is held for more than ${BUILD_TIMEOUT} ms; remove it if no build is running`);
}

async function isAbandoned(path: string, owner: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(owner, 'utf8'));
    // Between its mkdir and its write an owner has no id yet; only an old lock without one is dead.
    if (pid === 0) return isOld(path);
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return isCode(error, 'ESRCH') || (isCode(error, 'ENOENT') && (await isOld(path)));
  }
}

async function isOld(path: string): Promise<boolean> {
  const made = await modified(path);
  return made !== undefined && Date.now() - made > 10_000;
}

/** Renaming is atomic: of two processes that find a dead lock only one removes it. */
async function takeAway(path: string): Promise<void> {
  const aside = `${path}.dead-${process.pid}`;
  try {
    await rename(path, aside);
    await rm(aside, { recursive: true, force: true });
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

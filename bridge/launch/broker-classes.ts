import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BridgeError } from '../errors.js';

const run = promisify(execFile);

/**
 * The folder with the compiled classes of the broker's own (broker/java), made beside the jars if it is not there yet. It
 * appears whole or not at all, so that several processes may do this at once.
 * @throws BridgeError missing-prerequisite when there is no compiler, or it fails
 */
export async function compileBrokerClasses(sourceDir: string, libDir: string): Promise<string> {
  const sources = await javaFiles(sourceDir);
  const target = join(libDir, `classes-${await digestOf(sources)}`);
  if (await exists(target)) return target;
  const draft = join(libDir, `.draft-${randomUUID()}`);
  await mkdir(draft);
  try {
    await compile(['-nowarn', '-cp', join(libDir, '*'), '-d', draft, ...sources]);
    await rename(draft, target).catch(async (error: unknown) => {
      // Somebody else was faster: theirs is as good.
      if (!(await exists(target))) throw error;
    });
    return target;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function javaFiles(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true });
  return all
    .filter((name) => name.endsWith('.java'))
    .sort()
    .map((name) => join(folder, name));
}

async function digestOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}

async function compile(args: readonly string[]): Promise<void> {
  const javac = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'javac') : 'javac';
  try {
    await run(javac, [...args]);
  } catch (error) {
    const failure = error as NodeJS.ErrnoException & { readonly stderr?: string };
    const message =
      failure.code === 'ENOENT'
        ? `a JDK is needed, not only a Java runtime: there is no program ${javac}`
        : "javac could not compile the broker's own classes; it said:";
    const details = (failure.stderr ?? '').split('\n').filter((line) => line.trim() !== '');
    throw new BridgeError('missing-prerequisite', message, { cause: error, details: details.slice(0, 8) });
  }
}

import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BridgeError } from '../errors.js';
import { verifyChecksums } from './checksums.js';
import { LastLines } from './last-lines.js';

/** Files that Maven fetches once and that are then kept. */
export interface MavenFetch {
  /** How the progress lines call it. */
  readonly name: string;
  /** Path of the pom that says what to fetch. */
  readonly pom: string;
  /** A goal of the dependency plugin, which the pom configures. */
  readonly goal: 'copy-dependencies' | 'unpack';
  readonly cacheDir: string;
  /** Start of the folder's name in the cache. */
  readonly folder: string;
  /** A list as `sha256sum` writes it, which what was fetched has to match. */
  readonly checksums?: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** In full: the short name would need a look-up of its own, and fails with a message about that. */
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin';
/** Milliseconds between two lines of progress. */
const PROGRESS = 2000;

/** A folder a state of the pom: a changed pom is fetched anew, and an old folder is never half of a new one. */
async function folderFor({ pom, cacheDir, folder }: Omit<MavenFetch, 'say'>): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex');
  return join(cacheDir, `${folder}-${digest.slice(0, 12)}`);
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** True when `fetchWithMaven` has nothing left to do. */
export async function isFetched(what: Omit<MavenFetch, 'say'>): Promise<boolean> {
  return exists(await folderFor(what));
}

/**
 * The folder with the files; runs Maven only if it is not there yet. The folder appears whole or not at all, so
 * that several processes may do this at once.
 * @throws BridgeError missing-prerequisite when Maven is not there or fails, or brought other files than `checksums` has;
 *   `details` has what it said, or which files
 */
export async function fetchWithMaven(what: MavenFetch): Promise<string> {
  const target = await folderFor(what);
  if (await exists(target)) return target;
  const draft = join(what.cacheDir, `.draft-${randomUUID()}`);
  await mkdir(draft, { recursive: true });
  try {
    what.say(`fetching ${what.name} with Maven …`);
    await runMaven(what, draft);
    if (what.checksums !== undefined) await verifyChecksums(what.name, draft, what.checksums);
    await rename(draft, target).catch((error: unknown) => unlessThere(target, error));
    return target;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Somebody else was faster: theirs is as good. */
async function unlessThere(target: string, error: unknown): Promise<void> {
  if (!(await exists(target))) throw error;
}

async function runMaven(what: MavenFetch, outputDirectory: string): Promise<void> {
  const progress = new Progress(what);
  const output = new LastLines((line) => progress.line(line));
  // -C: a file whose checksum is not the one beside it is an error; without it a warning.
  const args = ['-B', '-C', '-f', what.pom, `${PLUGIN}:${what.goal}`, `-DoutputDirectory=${outputDirectory}`];
  const options = { stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'] };
  const child = spawn('mvn', args, what.signal === undefined ? options : { ...options, signal: what.signal });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.add(text));
  }
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') return reject(error);
      const message = `Maven is needed to fetch ${what.name}, and there is no program \`mvn\`: install Maven 3.6.3 or later`;
      reject(new BridgeError('missing-prerequisite', message, { cause: error }));
    });
    child.once('close', (code) => {
      if (code === 0) return resolve();
      const message = `Maven could not fetch ${what.name} (exit code ${code}); it said:`;
      reject(new BridgeError('missing-prerequisite', message, { details: explain(output.last(40)) }));
    });
  });
  progress.done();
}

/** Maven's advice about itself. */
const ADVICE = /\[Help \d+\] http|-e switch|-X switch|possible solutions/;

/** Its error lines if it has some, without what a mirror's address may hold before the `@`. */
function explain(lines: readonly string[]): string[] {
  const errors = lines.filter((line) => /^\[(ERROR|FATAL)\] \S/.test(line) && !ADVICE.test(line));
  const chosen = errors.length > 0 ? errors : lines;
  return chosen.slice(-8).map((line) => line.replace(/\/\/[^/@\s]+@/g, '//'));
}

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Counts what Maven says it has downloaded, and tells now and then. */
class Progress {
  readonly #what: MavenFetch;
  #files = 0;
  #bytes = 0;
  #told = performance.now();

  constructor(what: MavenFetch) {
    this.#what = what;
  }

  line(line: string): void {
    const match = /\bDownloaded from .*\((\d+(?:\.\d+)?) ([kMG]?B)\b/.exec(line);
    if (match === null) return;
    this.#files += 1;
    this.#bytes += Number(match[1]) * (UNITS[match[2] ?? 'B'] ?? 1);
    if (performance.now() - this.#told < PROGRESS) return;
    this.#told = performance.now();
    this.#what.say(`${this.#what.name}: ${this.#sum()} so far`);
  }

  done(): void {
    const sum = this.#files === 0 ? 'nothing to download' : `${this.#sum()} downloaded`;
    this.#what.say(`${this.#what.name}: done (${sum})`);
  }

  #sum(): string {
    return `${this.#files} files, ${(this.#bytes / 1e6).toFixed(1)} MB`;
  }
}

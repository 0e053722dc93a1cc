import { type ChildProcess, spawn } from 'node:child_process';
import { BridgeError } from '../errors.js';
import { LastLines } from './last-lines.js';

export interface ServerCommand {
  /** How the errors call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A line of its output that says it now takes connections. */
  readonly ready: RegExp;
  /** Milliseconds until that line. */
  readonly startTimeout: number;
  /** Ends the process while it starts. */
  readonly signal?: AbortSignal;
}

/** Milliseconds between two SIGTERMs. */
const ASK_AGAIN = 250;

/** A server that runs as a process group of its own, so that Ctrl-C in the terminal reaches only us. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves when it has ended, asked to or not, with the reason in words. */
  readonly exited: Promise<string>;
  /** Sends the signal to the whole group; does nothing once it has ended. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `limit` milliseconds. Resolves when it has ended. */
  stop(limit: number): Promise<void>;
  /** SIGKILL, at once. `exited` tells when it is gone. */
  kill(): void;
}

/**
 * Starts a server and resolves once it says that it is ready. If our own process dies, however it dies, the
 * server is asked to end too.
 * @throws BridgeError missing-prerequisite when the program is not there, ends, or does not get ready in time;
 *   `details` has the last lines it wrote
 */
export async function startServer(what: ServerCommand): Promise<ServerProcess> {
  what.signal?.throwIfAborted();
  const child = spawn(what.command, what.args, {
    cwd: what.cwd,
    env: what.env ?? process.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ready = deferred();
  const output = new LastLines((line) => {
    if (what.ready.test(line)) ready.resolve();
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.add(text));
  }
  const server = asServer(what.name, child, await spawned(what, child));
  const fail = (message: string) =>
    ready.reject(new BridgeError('missing-prerequisite', message, { details: explain(output.last(200)) }));
  const late = `${what.name} did not start within ${what.startTimeout / 1000} s`;
  const timer = setTimeout(() => fail(late), what.startTimeout);
  const onAbort = () => ready.reject(what.signal?.reason);
  what.signal?.addEventListener('abort', onAbort, { once: true });
  // While the process was being started nobody listened.
  if (what.signal?.aborted) onAbort();
  void server.exited.then((reason) => fail(`${what.name} did not start: ${reason}`));
  try {
    await ready.promise;
    return server;
  } catch (error) {
    server.kill();
    await server.exited;
    throw error;
  } finally {
    clearTimeout(timer);
    what.signal?.removeEventListener('abort', onAbort);
  }
}

/** The causes, where Java gives some; its stack traces and wrappers push them out of sight. */
function explain(lines: readonly string[]): string[] {
  const causes = new Set(lines.filter((line) => line.startsWith('Caused by: ')));
  if (causes.size > 0) return [...causes].slice(-3);
  return lines.filter((line) => !/^\s+at \S+\(/.test(line)).slice(-12);
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(reason: unknown): void;
}

/** Promise.withResolvers, which Node 20 does not have. */
function deferred(): Deferred {
  let settle: Pick<Deferred, 'resolve' | 'reject'> = { resolve() {}, reject() {} };
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
}

/** The process id, or why there is none. */
function spawned(what: ServerCommand, child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', (error) => {
      const message = `cannot start ${what.name}: ${what.command}: ${error.message}`;
      reject(new BridgeError('missing-prerequisite', message, { cause: error }));
    });
  });
}

function asServer(name: string, child: ChildProcess, pid: number): ServerProcess {
  let ended = false;
  const guard = spawnGuard(pid);
  const exited = new Promise<string>((resolve) => {
    // `close` comes after the last output was read, so that errors can quote it.
    child.once('close', (code, signal) => {
      ended = true;
      guard.kill('SIGKILL');
      resolve(code === null ? `${name} was ended by ${signal}` : `${name} ended with exit code ${code}`);
    });
  });
  const send = (signal: NodeJS.Signals) => {
    if (ended) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It ended a moment ago.
    }
  };
  const stop = async (limit: number) => {
    const ask = () => {
      send('SIGTERM');
      // A paused process takes the SIGTERM only once it goes on.
      send('SIGCONT');
    };
    ask();
    // Mosquitto forgets a SIGTERM that comes before its main loop runs, though it has said that it is ready.
    const again = setInterval(ask, ASK_AGAIN);
    const timer = setTimeout(() => send('SIGKILL'), limit);
    await exited;
    clearInterval(again);
    clearTimeout(timer);
  };
  return { pid, exited, signal: send, stop, kill: () => send('SIGKILL') };
}

/** Reads until its standard input ends, which it does when our process is gone; then ends the group. */
const GUARD = `
read -r _
kill -TERM "-$1" 2>/dev/null; kill -CONT "-$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "-$1" 2>/dev/null || exit 0; sleep 1; done
kill -KILL "-$1" 2>/dev/null
`;

function spawnGuard(pid: number): ChildProcess {
  const guard = spawn('sh', ['-c', GUARD, 'guard', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell there is no guard: the server then outlives a killed bridge, which is no reason to refuse.
  guard.on('error', () => {});
  guard.stdin?.on('error', () => {});
  guard.unref();
  return guard;
}

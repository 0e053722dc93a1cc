import { type ChildProcess, spawn } from 'node:child_process';

/** How a child process ended, and what it wrote (of each stream at most the last 64 KiB). */
export interface Ended {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves as soon as a whole line of standard output or error includes the text; rejects when it ends before. */
  line(text: string): Promise<string>;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
  /** A shell with what it starts: `stop` ends all of it, as Ctrl-C in a terminal does. */
  readonly terminal?: boolean;
}

const KEPT = 64 * 1024;

/** Starts a program with its input open (`process.stdin`), and reads what it prints line by line. */
export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Child {
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: options.terminal === true,
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<{
    text: string;
    resolve: (line: string) => void;
    reject: (reason: Error) => void;
  }>();
  const seen = (line: string) => {
    for (const waiter of waiting) {
      if (!line.includes(waiter.text)) continue;
      waiting.delete(waiter);
      waiter.resolve(line);
    }
  };
  eachLine(child.stdout, (line) => {
    stdout = `${stdout}${line}\n`.slice(-KEPT);
    options.onLine?.(line);
    seen(line);
  });
  eachLine(child.stderr, (line) => {
    stderr = `${stderr}${line}\n`.slice(-KEPT);
    seen(line);
  });
  // A program that has ended by itself reads no more: its exit tells what there is to know.
  child.stdin.on('error', () => {});

  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? undefined, stdout, stderr }));
  });
  const over = () => {
    for (const { text, reject } of waiting)
      reject(new Error(`${command} ended without a line with ${JSON.stringify(text)}:\n${stdout}${stderr}`));
    waiting.clear();
  };
  ended.then(over, over);

  return {
    process: child,
    ended,
    line(text) {
      const earlier = `${stdout}${stderr}`.split('\n').find((line) => line.includes(text));
      if (earlier !== undefined) return Promise.resolve(earlier);
      return new Promise((resolve, reject) => {
        waiting.add({ text, resolve, reject });
        if (child.exitCode !== null || child.signalCode !== null) void ended.then(over, over);
      });
    },
    async stop() {
      if (options.terminal === true) interruptGroup(child);
      else child.kill();
      await ended;
    },
  };
}

/** Does nothing when all of the group has ended by itself. */
function interruptGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGINT');
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
  });
}

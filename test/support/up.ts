import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePorts } from './brokers/ports.js';

const MAIN = fileURLToPath(new URL('../../dist/bridge/main.js', import.meta.url));

/** The environment variables that give `up` ports of its own. */
export async function freePortSettings(): Promise<UpPorts> {
  const [HTTP_PORT = '', mqtt = '', ws = '', stomp = '', amqp = '', openwire = ''] = (await freePorts(6)).map(
    String,
  );
  return {
    HTTP_PORT,
    ACTIVEMQ_MQTT_PORT: mqtt,
    ACTIVEMQ_WS_PORT: ws,
    ACTIVEMQ_STOMP_PORT: stomp,
    ACTIVEMQ_AMQP_PORT: amqp,
    ACTIVEMQ_OPENWIRE_PORT: openwire,
  };
}

export interface UpPorts extends Record<string, string> {
  HTTP_PORT: string;
  ACTIVEMQ_MQTT_PORT: string;
  ACTIVEMQ_WS_PORT: string;
  ACTIVEMQ_STOMP_PORT: string;
  ACTIVEMQ_AMQP_PORT: string;
  ACTIVEMQ_OPENWIRE_PORT: string;
}

export function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

export const close = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));

/** Of tests that failed before they could end them: they would run on beside the next ones. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** The built command line as a child process, or another program that starts it. */
export class CommandLine {
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #out = '';
  #changed: (() => void)[] = [];

  constructor(
    args: readonly string[],
    settings: Readonly<Record<string, string>> = {},
    program: { readonly command: string; readonly cwd?: string } = { command: process.execPath },
  ) {
    const all = program.command === process.execPath ? [MAIN, ...args] : [...args];
    this.#child = spawn(program.command, all, {
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#out += chunk;
        for (const wake of this.#changed.splice(0)) wake();
      });
    }
    living.add(this.#child);
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        living.delete(this.#child);
        resolve(code);
        for (const wake of this.#changed.splice(0)) wake();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Both streams, as far as they have come. */
  get output(): string {
    return this.#out;
  }

  /** Resolves once the output matches; fails with the output if the process ends without. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#out)) {
      if (this.#child.exitCode !== null) throw new Error(`ended without ${String(pattern)}:\n${this.#out}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, as Ctrl-C does, and resolves with its exit code. */
  interrupt(): Promise<number | null> {
    this.signal('SIGINT');
    return this.exited;
  }
}

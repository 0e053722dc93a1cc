import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BridgeError } from '../../../bridge/errors.js';
import type { TestBroker } from '../brokers.js';
import { groupStopped } from './process-group.js';

/** What a running broker must offer to become a TestBroker. */
export interface Running {
  /** Of the process group. */
  readonly pid: number;
  readonly exited: Promise<string>;
  stop(): Promise<void>;
  kill(): void;
  signal(signal: NodeJS.Signals): void;
}

/** Puts another password into a file of `name=password` or `name = password` lines that a broker reads again when it changes. */
export async function replacePassword(file: string, username: string, password: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const line = new RegExp(`^(${username}\\s*=\\s*).*$`, 'm');
  if (!line.test(text)) throw new Error(`${file} has no account ${username}`);
  await writeFile(
    file,
    text.replace(line, (_all, start: string) => `${start}${password}`),
  );
}

export type Facts = Pick<TestBroker, 'type' | 'ports' | 'accounts'>;

/** Everything that the tests' own accounts have in common. */
export const accounts: TestBroker['accounts'] = {
  bridge: { username: 'bridge', password: 'bridge-test-pw' },
  backend: { username: 'backend', password: 'backend-test-pw' },
  ann: { username: 'ann', password: 'ann-test-pw' },
  bob: { username: 'bob', password: 'bob-test-pw' },
};

/** A folder under the system's temporary one; removed by the broker's `stop`. */
export const brokerFolder = (name: string): Promise<string> =>
  mkdtemp(join(tmpdir(), `activemq-bridge-${name}-`));

/** A broker in the folder that `start` runs again and again; takes the folder away if the first start fails. */
export async function testBroker(
  facts: Facts,
  folder: string,
  start: () => Promise<Running>,
  setPassword: TestBroker['setPassword'] = () => Promise.reject(new Error('not supported here')),
): Promise<TestBroker> {
  let running = await start().catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  // If the tests end without `stop`: nothing asynchronous happens any more here.
  const onExit = () => {
    running.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  };
  process.once('exit', onExit);
  return {
    ...facts,
    host: '127.0.0.1',
    stop: async () => {
      process.off('exit', onExit);
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
    kill: async () => {
      running.kill();
      await running.exited;
    },
    restart: async () => {
      await running.stop();
      running = await start().catch((error: unknown) => {
        // A test's report shows the message alone; why a broker did not come back is in what it printed last.
        if (error instanceof BridgeError && error.details.length > 0)
          throw new Error(`${error.message}:\n${error.details.join('\n')}`, { cause: error });
        throw error;
      });
    },
    pause: async () => {
      running.signal('SIGSTOP');
      await groupStopped(running.pid);
    },
    setPassword,
    resume: () => running.signal('SIGCONT'),
  };
}

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestBroker } from '../support/brokers.js';
import type { Account } from './account.js';
import { SINGLE_FAULTS } from './faults.js';
import { type Direction, Run } from './run.js';

export interface SoakOptions {
  readonly direction: Direction;
  readonly seconds: number;
  /** Messages a second. */
  readonly rate: number;
  /** Seconds from the beginning of one fault to that of the next. */
  readonly faultEvery: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface SoakResult {
  readonly account: Account;
  /** How many messages may have come twice. */
  readonly mayComeTwice: number;
  readonly faults: number;
  /** Resident memory of the bridge's process in MiB, once a second. */
  readonly memory: readonly number[];
}

/** Messages at an even rate for a while, and every some seconds a fault drawn by the seed; then the account of every message. */
export async function soak(broker: TestBroker, options: SoakOptions): Promise<SoakResult> {
  const { direction, seconds, rate, faultEvery, seed, say } = options;
  const run = await Run.start(broker, { direction, rate, count: rate * seconds, seed });
  const started = performance.now();
  const elapsed = () => Math.round((performance.now() - started) / 1000);
  const memory: number[] = [];
  const over = new AbortController();
  const watching = watch(run, memory, over.signal);
  let mayComeTwice = 0;
  let faults = 0;
  const names = Object.keys(SINGLE_FAULTS) as (keyof typeof SINGLE_FAULTS)[];
  try {
    // The last fault is over before the last message.
    for (let at = faultEvery; at + faultEvery <= seconds; at += faultEvery) {
      await delay(Math.max(0, started + at * 1_000 - performance.now()));
      const name = names[run.random.between(0, names.length)] ?? 'connections cut';
      const began = elapsed();
      mayComeTwice += await SINGLE_FAULTS[name](run);
      faults++;
      say(`${began} s: ${name}, at work again at ${elapsed()} s; ${memory.at(-1) ?? 0} MiB`);
    }
    await delay(Math.max(0, started + seconds * 1_000 - performance.now()));
    const account = await run.account();
    over.abort();
    await watching;
    return { account, mayComeTwice, faults, memory };
  } finally {
    over.abort();
    await run.end();
  }
}

/** Notes the resident memory of whatever process the bridge is in just now. */
async function watch(run: Run, memory: number[], over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const status = await readFile(`/proc/${run.bridge?.pid}/status`, 'utf8').catch(() => '');
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
    if (kilobytes !== undefined) memory.push(Math.round(Number(kilobytes) / 1024));
    await delay(1_000, undefined, { signal: over }).catch(() => undefined);
  }
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestBroker } from '../support/brokers.js';
import { FAULTS, type FaultName } from './faults.js';
import { seedOfRun } from './random.js';
import { Run, type RunOptions } from './run.js';

export interface Case extends Omit<RunOptions, 'seed'> {
  readonly fault: FaultName;
  /** Messages that the broker itself may put out of order, at most: those that were on their way when it called its queue full. */
  readonly mixedUp?: number;
}

const LIMIT = 300_000;

/** One test a case: nothing is lost, nothing comes that nobody sent, each room keeps its order, and little comes twice. */
export function describeFaults(name: string, start: () => Promise<TestBroker>, cases: readonly Case[]): void {
  describe(name, () => {
    let broker: TestBroker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker?.stop());

    // Not `$fault`: of that vitest shows 40 characters.
    const named = cases.map((one) => [`${one.fault}, ${one.direction}`, one] as const);
    it.each(named)('%s', { timeout: LIMIT }, async (_name, { fault, mixedUp = 0, ...options }) => {
      const run = await Run.start(broker, { ...options, seed: seedOfRun() });
      try {
        const twice = await FAULTS[fault](run);
        const { lost, reordered, unexpected, duplicates } = await run.account();
        expect({ lost, unexpected }).toEqual({ lost: 0, unexpected: 0 });
        expect(reordered).toBeLessThanOrEqual(mixedUp);
        expect(duplicates).toBeLessThanOrEqual(twice);
      } finally {
        await run.end();
      }
    });
  });
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { seedOfRun } from './random.js';
import { soak } from './soak.js';

/** One minute of what `npm run soak` does for ten. */
describe('a bridge that works on while one thing after another breaks', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startClassic();
  });
  afterAll(() => broker?.stop());

  it('loses nothing, keeps the order, and repeats little', { timeout: 300_000 }, async () => {
    const seed = seedOfRun();
    const { account, mayComeTwice } = await soak(broker, {
      direction: 'MQTT → queue',
      seconds: 60,
      rate: 1_000,
      faultEvery: 20,
      seed,
      say: console.log,
    });
    const { lost, reordered, unexpected, duplicates } = account;
    expect({ lost, reordered, unexpected }).toEqual({ lost: 0, reordered: 0, unexpected: 0 });
    expect(duplicates).toBeLessThanOrEqual(mayComeTwice);
  });
});

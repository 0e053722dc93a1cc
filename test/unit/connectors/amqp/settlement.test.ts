import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SettlementQueue } from '../../../../bridge/connectors/amqp/settlement.js';
import type { Outcome } from '../../../../bridge/connectors/connector.js';

/** What was applied in each turn of the event loop. */
async function turnsOf(outcomes: readonly Outcome[]): Promise<Outcome[][]> {
  const queue = new SettlementQueue();
  const turns: Outcome[][] = [];
  let current: Outcome[] = [];
  for (const outcome of outcomes) queue.add(outcome, () => current.push(outcome));
  let idle = false;
  void queue.idle().then(() => {
    idle = true;
  });
  while (!idle) {
    await nextTurn();
    if (current.length > 0) turns.push(current);
    current = [];
  }
  return turns;
}

describe('the settlement queue', () => {
  it('applies a run of accepts in one turn', async () => {
    expect(await turnsOf(['accepted', 'accepted', 'accepted'])).toEqual([
      ['accepted', 'accepted', 'accepted'],
    ]);
  });

  it('applies every other outcome in a turn of its own, in order', async () => {
    expect(await turnsOf(['accepted', 'released', 'released', 'accepted', 'accepted', 'rejected'])).toEqual([
      ['accepted'],
      ['released'],
      ['released'],
      ['accepted', 'accepted'],
      ['rejected'],
    ]);
  });

  it('applies nothing after it was cleared, and is idle then', async () => {
    const queue = new SettlementQueue();
    let applied = false;
    queue.add('accepted', () => {
      applied = true;
    });
    const idle = queue.idle();
    queue.clear();
    await idle;
    await nextTurn();
    expect(applied).toBe(false);
  });
});

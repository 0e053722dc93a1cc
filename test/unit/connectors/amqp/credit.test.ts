import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Credit } from '../../../../bridge/connectors/amqp/credit.js';

/** Credit of which the broker has been told this much, and has used this much of it. */
function creditAfter({ told, used }: { told: number; used: number }): Credit {
  const credit = new Credit();
  credit.grant(told);
  credit.takeAll();
  for (let n = 0; n < used; n++) credit.use();
  return credit;
}

describe('credit', () => {
  it('is told at once when the broker has none', () => {
    const credit = creditAfter({ told: 10, used: 10 });
    credit.grant(1);
    expect(credit.takeDue(9)).toBe(1);
    expect(credit.known).toBe(1);
  });

  it('waits until a quarter of what is under way is due', () => {
    const credit = creditAfter({ told: 40, used: 20 });
    credit.grant(9);
    expect(credit.takeDue(11)).toBe(0);
    credit.grant(1);
    expect(credit.takeDue(10)).toBe(10);
    expect(credit.takeDue(10)).toBe(0);
  });

  it('is told as a whole where everything has to be said, and not at all once it is revoked', () => {
    const credit = creditAfter({ told: 40, used: 1 });
    credit.grant(1);
    expect(credit.takeAll()).toBe(1);
    credit.grant(2);
    credit.revoke();
    expect(credit.takeAll()).toBe(0);
  });

  it('never leaves the broker without any while some is granted, and never tells more than that', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ what: fc.constant('grant' as const), count: fc.integer({ min: 1, max: 50 }) }),
        fc.record({ what: fc.constant('use' as const), count: fc.integer({ min: 1, max: 50 }) }),
      ),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(steps, (script) => {
        const credit = new Credit();
        let granted = 0;
        let told = 0;
        let used = 0;
        for (const { what, count } of script) {
          if (what === 'grant') {
            credit.grant(count);
            granted += count;
          } else {
            const most = Math.min(count, credit.known);
            for (let n = 0; n < most; n++) credit.use();
            used += most;
          }
          told += credit.takeDue(used);
          expect(told).toBeLessThanOrEqual(granted);
          expect(credit.known).toBe(told - used);
          if (granted > used) expect(credit.known).toBeGreaterThan(0);
        }
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareOut } from '../../../bridge/flow/short-way.js';

describe('a short way shared by the destinations of one message', () => {
  it('stands aside exactly while each destination that is not done is stuck, and there is one', () => {
    const steps = fc.array(fc.record({ at: fc.nat(3), what: fc.constantFrom('stuck', 'done') }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, (destinations, taken) => {
        let asides = 0;
        const way = {
          begin: () => undefined,
          standAside: () => {
            asides++;
          },
          gone: new AbortController().signal,
        };
        const shares = shareOut(way, destinations);
        const states = new Map(shares.map((_, index) => [index, 'gets on']));
        let mayStandAside = false;
        for (const { at, what } of taken) {
          // What is done does nothing more.
          if (!states.has(at)) continue;
          if (what === 'done') states.delete(at);
          else states.set(at, 'stuck');
          if (what === 'done') shares[at]?.done();
          else shares[at]?.standAside();
          mayStandAside ||= states.size > 0 && [...states.values()].every((state) => state === 'stuck');
          expect(asides > 0).toBe(mayStandAside);
        }
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareOut } from '../../../bridge/flow/short-way.js';

describe('a short way shared by the destinations of one message', () => {
  it('stands aside exactly when the message is stuck on the way to each of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(3)), (destinations, stuck) => {
        let isAside = false;
        const way = {
          begin: () => undefined,
          standAside: () => {
            isAside = true;
          },
          gone: new AbortController().signal,
        };
        const ways = shareOut(way, destinations);
        for (const index of stuck) ways[index]?.standAside();
        const all = new Set(stuck.filter((index) => index < destinations));
        expect(isAside).toBe(all.size === destinations);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Window } from '../../../bridge/flow/window.js';

const MIB = 1024 * 1024;

describe('the window of a flow', () => {
  it('begins small and grows with each message, as far as the limit', () => {
    const window = new Window(10);
    const sizes = Array.from({ length: 12 }, () => {
      window.note(100);
      return window.size;
    });
    expect(sizes).toEqual([5, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 10]);
  });

  it('shrinks as soon as a large message comes, and grows again with small ones', () => {
    const window = new Window(1_000);
    for (let n = 0; n < 1_000; n++) window.note(100);
    expect(window.size).toBe(1_000);
    window.note(8 * MIB);
    expect(window.size).toBe(4);
    for (let n = 0; n < 1_000; n++) window.note(100);
    expect(window.size).toBe(1_000);
  });

  it('is never less than one message, and never more than the limit or 32 MiB of the largest of late', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.array(fc.nat(300 * MIB)), (limit, sizes) => {
        const window = new Window(limit);
        for (const bytes of sizes) {
          window.note(bytes);
          expect(window.size).toBeGreaterThanOrEqual(1);
          expect(window.size).toBeLessThanOrEqual(limit);
          expect(window.size === 1 || window.size * bytes <= 32 * MIB).toBe(true);
        }
      }),
    );
  });
});

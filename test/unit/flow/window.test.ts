import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Window } from '../../../bridge/flow/window.js';

const MIB = 1024 * 1024;

describe('the window of a flow', () => {
  it('begins small and grows with each message, as far as the limit', () => {
    const window = new Window(10);
    const sizes = Array.from({ length: 12 }, () => {
      window.came(100);
      return window.size;
    });
    expect(sizes).toEqual([5, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 10]);
  });

  it('shrinks as soon as a large message comes, and grows again with small ones', () => {
    const window = new Window(200);
    for (let n = 0; n < 1_000; n++) window.came(100);
    expect(window.size).toBe(200);
    window.came(8 * MIB);
    expect(window.size).toBe(4);
    for (let n = 0; n < 1_000; n++) window.came(100);
    expect(window.size).toBe(200);
  });

  it.each([
    { way: 1, rate: 10_000, size: 276 },
    { way: 20, rate: 5_000, size: 456 },
    { way: 100, rate: 1_000, size: 456 },
    { way: 100, rate: 10_000, size: 1_000 },
  ])(
    'has room for what is on a way of $way ms at $rate messages a second, and 256 more',
    ({ way, rate, size }) => {
      const window = new Window(1_000);
      busy(window, { way, rate, seconds: 2 });
      expect(window.size).toBe(size);
    },
  );

  it('goes by the shortest way of the last seconds: what waits inside needs no room', () => {
    const window = new Window(1_000);
    busy(window, { way: 200, rate: 1_000, seconds: 2 });
    expect(window.size).toBe(656);
    window.settled(3_000, 3_010);
    busy(window, { way: 200, rate: 1_000, seconds: 1, from: 3_010 });
    expect(window.size).toBeLessThan(300);
  });

  it('is never less than one message, and never more than the limit or 32 MiB of the largest of late', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.array(fc.nat(300 * MIB)), (limit, sizes) => {
        const window = new Window(limit);
        for (const bytes of sizes) {
          window.came(bytes);
          expect(window.size).toBeGreaterThanOrEqual(1);
          expect(window.size).toBeLessThanOrEqual(limit);
          expect(window.size === 1 || window.size * bytes <= 32 * MIB).toBe(true);
        }
      }),
    );
  });
});

/** So many messages a second, which take `way` milliseconds each, from that time on. */
function busy(
  window: Window,
  { way, rate, seconds, from = 0 }: { way: number; rate: number; seconds: number; from?: number },
): void {
  for (let n = 1; n <= rate * seconds; n++) {
    window.came(100);
    const now = from + (n * 1_000) / rate;
    window.settled(now - way, now);
  }
  for (let n = 0; n < 1_000; n++) window.came(100);
}

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

  it('has room for what a far source has been granted and not sent yet', () => {
    const window = new Window(1_000);
    window.reach(99);
    busy(window, { way: 1, rate: 1_000, seconds: 2 });
    expect(window.size).toBe(456);
  });

  it('goes by the shortest way of the last seconds: what waits inside needs no room', () => {
    const window = new Window(1_000);
    busy(window, { way: 200, rate: 1_000, seconds: 2 });
    expect(window.size).toBe(656);
    window.delivered('route', 10, 3_010);
    busy(window, { way: 200, rate: 1_000, seconds: 1, from: 3_010 });
    expect(window.size).toBeLessThan(300);
  });

  it('goes by the route with the longest way: near destinations do not starve far ones', () => {
    const window = new Window(1_000);
    for (let n = 1; n <= 2_000; n++) {
      window.delivered('near', 1, n);
      window.delivered('far', 50, n);
    }
    for (let n = 0; n < 1_000; n++) window.came(100);
    expect(window.size).toBe(456);
  });

  it('is never less than one message, and never more than the limit or 32 MiB of the largest of late', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.array(fc.tuple(fc.nat(300 * MIB), fc.nat(5_000), fc.nat(3_000))),
        (limit, steps) => {
          const window = new Window(limit);
          let now = 0;
          for (const [bytes, took, later] of steps) {
            now += later;
            window.came(bytes);
            window.delivered('route', took, now);
            expect(window.size).toBeGreaterThanOrEqual(1);
            expect(window.size).toBeLessThanOrEqual(limit);
            expect(window.size === 1 || window.size * bytes <= 32 * MIB).toBe(true);
          }
        },
      ),
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
    window.delivered('route', way, from + (n * 1_000) / rate);
  }
  for (let n = 0; n < 1_000; n++) window.came(100);
}

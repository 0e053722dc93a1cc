import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { End } from '../../../web/dashboard/answers.js';
import { DENSE, type Drawn, layOut, ROOMY, rising } from '../../../web/dashboard/layout.js';

const end = (broker: string, name: string): End => ({ broker, protocol: 'stomp', kind: 'queue', name });

const anEnd = fc
  .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2', '3', '4', '5'))
  .map(([broker, name]) => end(broker, name));
const someRoutes = fc
  .array(fc.tuple(anEnd, fc.array(anEnd, { minLength: 1, maxLength: 3 })), { minLength: 1, maxLength: 30 })
  .map((all) => all.map(([from, to], n): Drawn => ({ name: `route ${n}`, from, to })));

describe('the picture of routes', () => {
  it('of one route is one line from left to right', () => {
    const { routes, sources, targets, wires, frames } = (() => {
      const picture = layOut([{ name: 'r', from: end('mq', 'in'), to: [end('mq', 'out')] }], ROOMY);
      return { ...picture, frames: [...picture.sources.frames, ...picture.targets.frames] };
    })();
    const [y] = [routes[0]?.y];
    expect(sources.places.map((place) => place.y)).toEqual([y]);
    expect(targets.places.map((place) => place.y)).toEqual([y]);
    expect(wires).toEqual([
      { route: 'r', side: 'in', from: y, to: y },
      { route: 'r', side: 'out', from: y, to: y },
    ]);
    expect(frames.map(({ broker }) => broker)).toEqual(['mq', 'mq']);
  });

  it('has each address once a side, whatever number of routes use it', () => {
    const shared = end('mq', 'archive');
    const drawn = ['a', 'b', 'c'].map((name) => ({ name, from: end('mq', name), to: [shared] }));
    const { targets, wires } = layOut(drawn, ROOMY);
    expect(targets.places).toHaveLength(1);
    expect(wires.filter(({ side }) => side === 'out').map(({ to }) => to)).toEqual(
      Array(3).fill(targets.places[0]?.y),
    );
  });

  it.each([ROOMY, DENSE])('lets nothing overlap and nothing stand outside', (sizes) => {
    fc.assert(
      fc.property(someRoutes, (drawn) => {
        const { height, routes, sources, targets, wires } = layOut(drawn, sizes);
        const apart = (ys: readonly number[], least: number) => {
          const sorted = [...ys].sort((a, b) => a - b);
          sorted.forEach((y, n) => {
            if (n > 0) expect(y - (sorted[n - 1] ?? 0)).toBeGreaterThanOrEqual(least - 1e-6);
          });
        };
        apart(
          routes.map(({ y }) => y),
          sizes.row,
        );
        for (const { places, frames } of [sources, targets]) {
          apart(
            places.map(({ y }) => y),
            sizes.place + sizes.gap,
          );
          const ordered = [...frames].sort((a, b) => a.top - b.top);
          ordered.forEach((frame, n) => {
            const before = ordered[n - 1];
            const end = before === undefined ? 0 : before.top + before.height;
            expect(frame.top).toBeGreaterThanOrEqual(end - 1e-6);
            expect(frame.top + frame.height).toBeLessThanOrEqual(height + 1e-6);
          });
          for (const { y, end } of places) {
            const frame = frames.find(({ broker }) => broker === end.broker);
            expect(y - sizes.place / 2).toBeGreaterThanOrEqual((frame?.top ?? Number.NaN) - 1e-6);
            expect(y + sizes.place / 2).toBeLessThanOrEqual((frame?.top ?? 0) + (frame?.height ?? 0) + 1e-6);
          }
        }
        expect(wires).toHaveLength(drawn.reduce((sum, { to }) => sum + 1 + to.length, 0));
      }),
    );
  });
});

describe('rising', () => {
  it('leaves what rises, and levels what falls', () => {
    expect(rising([1, 2, 5])).toEqual([1, 2, 5]);
    expect(rising([3, 1])).toEqual([2, 2]);
    expect(rising([1, 4, 2, 3, 9])).toEqual([1, 3, 3, 3, 9]);
    expect(rising([])).toEqual([]);
  });
});

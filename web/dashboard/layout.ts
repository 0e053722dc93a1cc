import type { End } from './answers.js';

/** A route as the picture draws it. */
export interface Drawn {
  readonly name: string;
  readonly from: End;
  readonly to: readonly End[];
}

export interface Place {
  readonly key: string;
  readonly end: End;
  /** Its middle, in pixels from the top. */
  readonly y: number;
}

/** The frame of a broker around its places. */
export interface Frame {
  readonly broker: string;
  readonly top: number;
  readonly height: number;
}

export interface Side {
  readonly places: readonly Place[];
  readonly frames: readonly Frame[];
}

export interface Picture {
  readonly height: number;
  readonly routes: readonly { readonly name: string; readonly y: number }[];
  readonly sources: Side;
  readonly targets: Side;
  /** From the middle of what to the middle of what. */
  readonly wires: readonly Wire[];
}

export interface Wire {
  readonly route: string;
  readonly side: 'in' | 'out';
  /** At the left and at the right end. */
  readonly from: number;
  readonly to: number;
}

/** Pixels. */
export interface Sizes {
  readonly row: number;
  readonly pill: number;
  readonly place: number;
  readonly gap: number;
  /** Above the first place of a broker, for its name; below the last. */
  readonly head: number;
  readonly foot: number;
  readonly between: number;
}

export const ROOMY: Sizes = { row: 76, pill: 56, place: 40, gap: 8, head: 38, foot: 10, between: 18 };
export const DENSE: Sizes = { row: 44, pill: 36, place: 32, gap: 6, head: 34, foot: 8, between: 14 };

const keyOf = ({ broker, kind, name }: End) => JSON.stringify([broker, kind, name]);

/**
 * Where everything stands: routes in rows in the middle, what they read at the left and what they write at the right, each as near to
 * its routes as its neighbours let it, in one frame a broker.
 */
export function layOut(routes: readonly Drawn[], sizes: Sizes): Picture {
  // By broker at the left, then by broker at the right: fewer wires cross.
  const inOrder = grouped(routes, ({ from }) => from.broker).flatMap((some) =>
    grouped(some, ({ to }) => to[0]?.broker).flat(),
  );
  const rows = inOrder.map((route, index) => ({ ...route, y: (index + 0.5) * sizes.row }));
  const sources = side(
    rows.map(({ from, y }) => ({ end: from, y })),
    sizes,
  );
  const targets = side(
    rows.flatMap(({ to, y }) => to.map((end, index) => ({ end, y: y + index / 1000 }))),
    sizes,
  );
  const tops = [...sources.frames, ...targets.frames].map(({ top }) => top);
  const bottoms = [...sources.frames, ...targets.frames].map(({ top, height }) => top + height);
  const first = Math.min(0, ...tops);
  const down = (y: number) => y - first;
  const moved = ({ places, frames }: Side): Side => ({
    places: places.map((place) => ({ ...place, y: down(place.y) })),
    frames: frames.map((frame) => ({ ...frame, top: down(frame.top) })),
  });
  const left = moved(sources);
  const right = moved(targets);
  const yOf = ({ places }: Side, end: End) => places.find(({ key }) => key === keyOf(end))?.y ?? 0;
  return {
    height: down(Math.max(rows.length * sizes.row, ...bottoms)),
    routes: rows.map(({ name, y }) => ({ name, y: down(y) })),
    sources: left,
    targets: right,
    wires: rows.flatMap(({ name, from, to, y }): Wire[] => [
      { route: name, side: 'in', from: yOf(left, from), to: down(y) },
      ...to.map((end): Wire => ({ route: name, side: 'out', from: down(y), to: yOf(right, end) })),
    ]),
  };
}

/** In groups of one key, in the order of their first members. */
function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => unknown): Item[][] {
  const groups = new Map<unknown, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups.values()];
}

interface Wish {
  readonly end: End;
  readonly y: number;
}

function side(wishes: readonly Wish[], sizes: Sizes): Side {
  const places = new Map<string, { end: End; wished: number[] }>();
  for (const { end, y } of wishes) {
    const place = places.get(keyOf(end)) ?? { end, wished: [] };
    place.wished.push(y);
    places.set(keyOf(end), place);
  }
  const groups = new Map<string, { key: string; end: End; wish: number }[]>();
  for (const [key, { end, wished }] of places) {
    const group = groups.get(end.broker) ?? [];
    group.push({ key, end, wish: average(wished) });
    groups.set(end.broker, group);
  }
  const sorted = [...groups].map(
    ([broker, group]) => [broker, [...group].sort((a, b) => a.wish - b.wish)] as const,
  );
  sorted.sort(([, a], [, b]) => average(a.map(({ wish }) => wish)) - average(b.map(({ wish }) => wish)));

  // Packed as closely as possible; then each is moved towards its wish, none past another.
  let next = 0;
  const packed = sorted.flatMap(([, group]) => {
    next += sizes.head;
    const ys = group.map(() => {
      const y = next + sizes.place / 2;
      next += sizes.place + sizes.gap;
      return y;
    });
    next += sizes.foot - sizes.gap + sizes.between;
    return ys;
  });
  const all = sorted.flatMap(([, group]) => group);
  const shifts = rising(all.map(({ wish }, index) => wish - (packed[index] ?? 0)));
  const placed = all.map(({ key, end }, index) => ({
    key,
    end,
    y: (packed[index] ?? 0) + (shifts[index] ?? 0),
  }));
  const frames = sorted.map(([broker, group]): Frame => {
    const ys = placed.filter(({ end }) => end.broker === broker).map(({ y }) => y);
    const top = Math.min(...ys) - sizes.place / 2 - sizes.head;
    const bottom = Math.max(...ys) + sizes.place / 2 + sizes.foot;
    return { broker: group[0]?.end.broker ?? broker, top, height: bottom - top };
  });
  return { places: placed, frames };
}

/**
 * The rising numbers that are nearest to the given ones, in the sum of squares (isotonic regression by pooling adjacent violators).
 */
export function rising(values: readonly number[]): number[] {
  const blocks: { sum: number; count: number }[] = [];
  for (const value of values) {
    let block = { sum: value, count: 1 };
    for (
      let last = blocks.at(-1);
      last !== undefined && last.sum / last.count > block.sum / block.count;
      last = blocks.at(-1)
    ) {
      blocks.pop();
      block = { sum: last.sum + block.sum, count: last.count + block.count };
    }
    blocks.push(block);
  }
  return blocks.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

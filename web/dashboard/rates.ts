import type { Overview, Route } from './answers.js';

/** Messages a second. */
export interface Rate {
  readonly received: number;
  readonly delivered: number;
}

type Counted = Pick<Route, 'name' | 'received' | 'delivered'>;
type Sample = Pick<Overview, 'clock' | 'startedAt'> & { readonly routes: readonly Counted[] };

interface Point {
  readonly clock: number;
  readonly received: number;
  readonly delivered: number;
}

/** Milliseconds over which a rate is taken: long enough to be calm, short enough to be now. */
const SPAN = 4_000;
/** Samples of the line through the last minute. */
const HISTORY = 60;

const NONE: Rate = { received: 0, delivered: 0 };

/** Rates from counters that are read again and again; one that falls (its route was started anew) begins anew here. */
export class Rates {
  readonly #points = new Map<string, Point[]>();
  readonly #history: Rate[] = [];
  #startedAt = '';

  note({ clock, startedAt, routes }: Sample): void {
    // The first look tells no rate.
    const isFirst = startedAt !== this.#startedAt;
    if (isFirst) this.#points.clear();
    this.#startedAt = startedAt;
    const names = new Set(routes.map(({ name }) => name));
    for (const name of this.#points.keys()) if (!names.has(name)) this.#points.delete(name);
    for (const { name, received, delivered } of routes) {
      const points = this.#points.get(name) ?? [];
      const last = points.at(-1);
      const isNew =
        last !== undefined && (received < last.received || delivered < last.delivered || clock <= last.clock);
      const kept = isNew ? [] : points;
      kept.push({ clock, received, delivered });
      // One point from before the span stays: the rate is counted from there.
      while (kept.length > 2 && (kept[1]?.clock ?? clock) <= clock - SPAN) kept.shift();
      this.#points.set(name, kept);
    }
    const total = { received: 0, delivered: 0 };
    for (const name of names) {
      const { received, delivered } = this.of(name);
      total.received += received;
      total.delivered += delivered;
    }
    if (isFirst) return;
    this.#history.push(total);
    if (this.#history.length > HISTORY) this.#history.shift();
  }

  of(route: string): Rate {
    const points = this.#points.get(route) ?? [];
    const first = points[0];
    const last = points.at(-1);
    if (first === undefined || last === undefined || last.clock <= first.clock) return NONE;
    const seconds = (last.clock - first.clock) / 1000;
    return {
      received: (last.received - first.received) / seconds,
      delivered: (last.delivered - first.delivered) / seconds,
    };
  }

  /** Of all routes together. */
  get total(): Rate {
    return this.#history.at(-1) ?? NONE;
  }

  /** The totals of the last minute, oldest first. */
  get history(): readonly Rate[] {
    return this.#history;
  }
}

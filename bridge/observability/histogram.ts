import type { HistogramCounts } from '../status.js';

/**
 * Counts values by size, for Prometheus: a fixed row of numbers, so that an observation on a message's way makes no object and asks no
 * library.
 */
export class Histogram {
  readonly #bounds: readonly number[];
  /** How many are not above each bound and above the one before it; those above all bounds at the end. */
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds the largest value that counts for each bucket, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = [...bounds, Number.POSITIVE_INFINITY];
    this.#counts = this.#bounds.map(() => 0);
  }

  observe(value: number): void {
    // From the smallest: most values are small.
    let bucket = 0;
    while (value > (this.#bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** As they are now; it does not change any more. */
  read(): HistogramCounts {
    let count = 0;
    const buckets = this.#bounds.map((bound, index) => {
      count += this.#counts[index] ?? 0;
      return { bound, count };
    });
    return { buckets, sum: this.#sum, count };
  }
}

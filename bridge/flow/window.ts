/** Bytes of bodies on their way in one flow, at most; a single larger message goes alone. */
const MOST_BYTES = 32 * 1024 * 1024;
/** Messages at the start, when nothing is known of their size. */
const AT_FIRST = 4;
/** What is left, after each smaller message, of the size that counts: a large one is forgotten in some hundreds. */
const FORGETTING = 0.99;
/** Messages that are enough where the way takes no time. Measured: 1,000 of them were no faster on either broker, and took 15 MiB more. */
const ENOUGH = 256;
/** Milliseconds over which the rate and the shortest way are taken. */
const INTERVAL = 1_000;

/**
 * How many messages a flow may have on their way: as many as its rule says, and fewer where more would only wait inside, or while they
 * are large. The rate times the shortest time that one takes are under way without waiting, and as many come together meanwhile for the
 * next transaction: few with a near broker and a fast disk, many with a far or slow one. What waits beyond these and `ENOUGH` costs
 * memory, and comes twice after a crash.
 */
export class Window {
  #size: number;
  #bytes = 0;
  /** Of the interval at hand: when it began, what was settled in it, and the least that one of these took. */
  #since = 0;
  #settled = 0;
  #shortest = Number.POSITIVE_INFINITY;
  #shortestBefore = Number.POSITIVE_INFINITY;
  #underWay = 0;

  /** `limit`: the most, whatever their size. */
  constructor(readonly limit: number) {
    this.#size = Math.min(limit, AT_FIRST);
  }

  /** A message of this size has come. */
  came(bytes: number): void {
    this.#bytes = Math.max(bytes, this.#bytes * FORGETTING);
    this.#size = Math.min(this.limit, this.#size + 1, ENOUGH + this.#underWay);
  }

  /** One that came at `since` is done with at `now`: milliseconds on the monotonic clock. */
  settled(since: number, now: number): void {
    this.#settled++;
    this.#shortest = Math.min(this.#shortest, now - since);
    const elapsed = now - this.#since;
    if (elapsed < INTERVAL) return;
    const shortest = Math.min(this.#shortest, this.#shortestBefore);
    this.#underWay = Math.round((2 * shortest * this.#settled) / elapsed);
    this.#since = now;
    this.#settled = 0;
    this.#shortestBefore = this.#shortest;
    this.#shortest = Number.POSITIVE_INFINITY;
  }

  get size(): number {
    const fitting = this.#bytes < 1 ? this.limit : Math.floor(MOST_BYTES / this.#bytes);
    return Math.max(1, Math.min(this.#size, fitting));
  }
}

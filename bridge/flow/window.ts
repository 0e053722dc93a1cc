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
  /** Milliseconds that the source takes to answer a grant. */
  #reach = 0;
  /** Of the interval at hand: when it began, what was delivered in it, and the least that this took for each route. */
  #since = 0;
  #delivered = 0;
  #shortest = new Map<string, number>();
  #shortestBefore: ReadonlyMap<string, number> = new Map();
  #underWay = 0;

  /** `limit`: the most, whatever their size. */
  constructor(readonly limit: number) {
    this.#size = Math.min(limit, AT_FIRST);
  }

  /** A source that takes so many milliseconds to answer a grant: what is granted meanwhile is under way, too. */
  reach(milliseconds: number): void {
    this.#reach = milliseconds;
  }

  /** A message of this size has come. */
  came(bytes: number): void {
    this.#bytes = Math.max(bytes, this.#bytes * FORGETTING);
    this.#size = Math.min(this.limit, this.#size + 1, ENOUGH + this.#underWay);
  }

  /** Every destination of the route has one; its sending took so many milliseconds, and ended at `now` on the monotonic clock. */
  delivered(route: string, took: number, now: number): void {
    this.#delivered++;
    if (took < (this.#shortest.get(route) ?? Number.POSITIVE_INFINITY)) this.#shortest.set(route, took);
    const elapsed = now - this.#since;
    if (elapsed < INTERVAL) return;
    this.#underWay = Math.round((2 * (this.#reach + this.#farthest()) * this.#delivered) / elapsed);
    this.#since = now;
    this.#delivered = 0;
    this.#shortestBefore = this.#shortest;
    this.#shortest = new Map();
  }

  /** The way of the route with the longest one. */
  #farthest(): number {
    let farthest = 0;
    for (const [route, took] of this.#shortest)
      farthest = Math.max(farthest, Math.min(took, this.#shortestBefore.get(route) ?? took));
    return farthest;
  }

  get size(): number {
    const fitting = this.#bytes < 1 ? this.limit : Math.floor(MOST_BYTES / this.#bytes);
    return Math.max(1, Math.min(this.#size, fitting));
  }
}

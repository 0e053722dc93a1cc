/** Bytes of bodies on their way in one flow, at most; a single larger message goes alone. */
const MOST_BYTES = 32 * 1024 * 1024;
/** Messages at the start, when nothing is known of their size. */
const AT_FIRST = 4;
/** What is left, after each smaller message, of the size that counts: a large one is forgotten in some hundreds. */
const FORGETTING = 0.99;

/**
 * How many messages a flow may have on their way: as many as its rule says, and fewer while they are large, because brokers count
 * messages and memory counts bytes.
 */
export class Window {
  #size: number;
  #bytes = 0;

  /** `limit`: the most, whatever their size. */
  constructor(readonly limit: number) {
    this.#size = Math.min(limit, AT_FIRST);
  }

  /** A message of this size has come. */
  note(bytes: number): void {
    this.#bytes = Math.max(bytes, this.#bytes * FORGETTING);
    this.#size = Math.min(this.limit, this.#size + 1);
  }

  get size(): number {
    const fitting = this.#bytes < 1 ? this.limit : Math.floor(MOST_BYTES / this.#bytes);
    return Math.max(1, Math.min(this.#size, fitting));
  }
}

interface Waiter {
  /** Milliseconds on the monotonic clock. */
  readonly slot: number;
  readonly go: (mayGo: boolean) => void;
}

/** Gives turns that are evenly spread over time, in the order in which they were asked for. The owner bounds how many wait. */
export class Pacer {
  readonly #interval: number;
  /** Who waits, and from when on the next one may go. */
  readonly #waiting: Waiter[] = [];
  #free = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `rate`: turns a second. */
  constructor(rate: number) {
    this.#interval = 1000 / rate;
  }

  /** Resolves true when its turn has come, false once stopped. */
  turn(): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    const slot = Math.max(this.#free, performance.now());
    this.#free = slot + this.#interval;
    return new Promise((go) => {
      this.#waiting.push({ slot, go });
      this.#wake();
    });
  }

  /** No more turns: everyone who waits may go at once, or is sent away. */
  stop(mayGo: boolean): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const { go } of this.#waiting.splice(0)) go(mayGo);
  }

  /** A timer fires late rather than early; all whose time has come by then go together. */
  #wake(): void {
    const now = performance.now();
    let due = 0;
    while ((this.#waiting[due]?.slot ?? Number.POSITIVE_INFINITY) <= now) due++;
    for (const { go } of this.#waiting.splice(0, due)) go(true);
    const [next] = this.#waiting;
    if (next === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wake();
    }, next.slot - now);
  }
}

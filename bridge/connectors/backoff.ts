/**
 * How long to wait before the next attempt: exponential with full jitter (each wait is drawn from zero to the current
 * ceiling, which doubles), so that many clients of one broker do not come back in step. Milliseconds.
 */
export class Backoff {
  readonly #initial: number;
  readonly #max: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor(options: { readonly initial: number; readonly max: number; readonly random?: () => number }) {
    this.#initial = options.initial;
    this.#max = options.max;
    this.#random = options.random ?? Math.random;
  }

  /** Failures since the last `reset`. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Counts one failure and says how long to wait: at most `max`. Never less than half of `initial`: no busy loop. */
  next(max = this.#max): number {
    const ceiling = Math.min(max, this.#initial * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return Math.max(this.#initial / 2, this.#random() * ceiling);
  }

  reset(): void {
    this.#attempts = 0;
  }
}

import { randomInt } from 'node:crypto';

/** Numbers that are the same for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed;
  }

  /** A whole number from `from` to less than `to`. */
  between(from: number, to: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return from + Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * (to - from));
  }
}

/** `FAULT_SEED`, to repeat a run that failed; else another one each time. */
export function seedOfRun(): number {
  const given = Number(process.env.FAULT_SEED ?? Number.NaN);
  return Number.isSafeInteger(given) ? given : randomInt(2 ** 31);
}

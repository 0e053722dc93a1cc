import type { Outcome } from '../connector.js';

interface Waiting {
  readonly outcome: Outcome;
  readonly apply: () => void;
}

/**
 * Hands outcomes to rhea so that none is taken for another. rhea 3.0.5 writes neighbouring deliveries that were
 * settled in one turn as one range with the first one's outcome (`write_dispositions` in its session.js): a release
 * right after an accept is lost as accepted. So a turn gets a run of accepts, or one outcome of another kind.
 * One queue a session; as long as the deliveries that are unsettled.
 */
export class SettlementQueue {
  #waiting: Waiting[] = [];
  #next = 0;
  #turn: NodeJS.Immediate | undefined;
  #idle: (() => void)[] = [];

  /** Calls `apply` in one of the next turns, in the order of the calls. */
  add(outcome: Outcome, apply: () => void): void {
    this.#waiting.push({ outcome, apply });
    this.#turn ??= setImmediate(() => this.#run());
  }

  /** Resolves when everything that was added has been applied or cleared. */
  idle(): Promise<void> {
    if (this.#turn === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  /** Forgets what waits: the session is gone and the broker hands the deliveries over again. */
  clear(): void {
    this.#waiting = [];
    this.#next = 0;
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#announceIdle();
  }

  #run(): void {
    const first = this.#waiting[this.#next]?.outcome;
    do {
      this.#waiting[this.#next++]?.apply();
    } while (first === 'accepted' && this.#waiting[this.#next]?.outcome === 'accepted');
    if (this.#next < this.#waiting.length) {
      this.#turn = setImmediate(() => this.#run());
      return;
    }
    this.#waiting = [];
    this.#next = 0;
    // One turn more, in which rhea writes what it was handed.
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      if (this.#waiting.length > 0) this.#turn = setImmediate(() => this.#run());
      else this.#announceIdle();
    });
  }

  #announceIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}

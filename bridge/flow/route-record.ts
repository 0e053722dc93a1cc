import { BridgeError, type ErrorCode } from '../errors.js';
import { Histogram } from '../observability/histogram.js';
import type { RouteStatus } from '../status.js';
import { SEND_TIMEOUT } from './lanes.js';

type Counter = Exclude<
  keyof RouteStatus,
  'name' | 'state' | 'reason' | 'deadLetterReasons' | 'lastDeadLetter' | 'oldestInFlightSeconds'
>;

/** Milliseconds in which a send that gets no answer is tried again twice. */
const LATELY = 2 * SEND_TIMEOUT;

/** Milliseconds that a message may be on its way before its route counts as held up. */
const HELD_UP_AFTER = 30_000;

/**
 * Seconds. From what a broker without a disk needs to what somebody calls lost: a send without an answer is tried again after 30 s.
 */
const DELIVERY_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

/** Milliseconds on the monotonic clock. */
interface Sending {
  /** When its sending began. */
  readonly since: number;
  /** When the route got it: earlier where it had to wait for its turn. */
  readonly taken: number;
}

/** What a route has to tell of its work: what it counted, and what holds it up. */
export class RouteRecord {
  /** To be counted up by the route. */
  readonly counters: Record<Counter, number> = {
    received: 0,
    delivered: 0,
    filtered: 0,
    duplicates: 0,
    lost: 0,
    expired: 0,
    retried: 0,
    deadLettered: 0,
    inFlight: 0,
  };
  /** Why the last dead letter is not taken by its broker, while that is so. */
  refusal: BridgeError | undefined;
  readonly #deadLetterReasons: Partial<Record<ErrorCode, number>> = {};
  #lastDeadLetter: RouteStatus['lastDeadLetter'];
  #lastRetry: { readonly error: BridgeError; readonly at: number } | undefined;
  /** When each message that is being sent came to that, in the order of their coming. */
  readonly #sending = new Set<Sending>();
  /** Of what was delivered: from when the route got it to the last confirm. */
  readonly deliverySeconds = new Histogram(DELIVERY_SECONDS);

  /** A message is being sent from now on, until `sent` is called with the same mark. `taken`: when the route got it, if not just now. */
  sending(taken?: number): Sending {
    const since = performance.now();
    const mark = { since, taken: taken ?? since };
    this.#sending.add(mark);
    return mark;
  }

  sent(mark: Sending): void {
    this.#sending.delete(mark);
  }

  /** Every destination has it, since `now` on the monotonic clock. */
  delivered({ taken }: Sending, now: number): void {
    this.counters.delivered++;
    this.deliverySeconds.observe((now - taken) / 1000);
  }

  /** Something has to be sent again. */
  retry(error: BridgeError): void {
    this.counters.retried++;
    this.#lastRetry = { error, at: performance.now() };
  }

  /** A message is kept as a dead letter. */
  deadLetter({ code, message }: BridgeError): void {
    this.counters.deadLettered++;
    this.#deadLetterReasons[code] = (this.#deadLetterReasons[code] ?? 0) + 1;
    this.#lastDeadLetter = { code, message, at: new Date().toISOString() };
    this.refusal = undefined;
  }

  /** Why nothing gets on, although every connection is up. */
  get obstacle(): BridgeError | undefined {
    if (this.refusal !== undefined) return this.refusal;
    const age = this.oldestInFlight;
    if (age < HELD_UP_AFTER) return undefined;
    const last = this.#lastRetry;
    const reason = last !== undefined && performance.now() - last.at < LATELY ? last.error : undefined;
    return new BridgeError(
      reason?.code ?? 'send-timeout',
      `a message has been on its way for ${Math.round(age / 1000)} s${reason === undefined ? '' : `: ${reason.message}`}`,
    );
  }

  /** Milliseconds that the oldest message is being sent; 0 without one. What waits for its turn by `limits.rate` does not count. */
  get oldestInFlight(): number {
    const [oldest] = this.#sending;
    return oldest === undefined ? 0 : performance.now() - oldest.since;
  }

  status(): Omit<RouteStatus, 'name' | 'state' | 'reason'> {
    const last = this.#lastDeadLetter;
    return {
      ...this.counters,
      deadLetterReasons: { ...this.#deadLetterReasons },
      ...(last === undefined ? {} : { lastDeadLetter: last }),
      oldestInFlightSeconds: Math.round(this.oldestInFlight / 1000),
    };
  }
}

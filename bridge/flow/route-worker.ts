import { setTimeout as delay } from 'node:timers/promises';
import type { RouteConfig } from '../config/config.js';
import { asBridgeError, BridgeError } from '../errors.js';
import { type Address, describeAddress } from '../message/address.js';
import type { Message } from '../message/message.js';
import type { Log } from '../observability/log.js';
import type { RouteStatus } from '../status.js';
import { type DeadLetterExtent, deadLetterOf, LONGEST_CUT_BODY } from './dead-letter.js';
import { type Lanes, SEND_TIMEOUT } from './lanes.js';
import { type Arrival, bodySize } from './mapping.js';
import { Pacer } from './pacer.js';
import type { Plan, PlannedSend, Planner } from './plan.js';
import { RecentKeys } from './recent-keys.js';

/** Milliseconds before a dead letter that was refused is tried again; the wait doubles: it may cost the lane its connection. */
const DEAD_LETTER_RETRY = { initial: 5_000, max: 300_000 };

/** One route and where its messages go. */
export interface FlowRoute {
  readonly config: RouteConfig;
  /** What to send for a message. */
  readonly plan: Planner;
  /** The lanes of each destination of the rule. */
  readonly to: readonly Lanes[];
  /** What each destination is called in the rule: `topic rooms.{room}`. */
  readonly destinations: readonly string[];
  readonly deadLetter: { readonly address: Address; readonly lanes: Lanes };
}

/** What became of a message at one destination. Abandoned: not safe anywhere; its source keeps it. */
type Fate = 'confirmed' | 'dead-lettered' | 'expired' | 'abandoned';

type Counter = Exclude<
  keyof RouteStatus,
  'name' | 'state' | 'reason' | 'lastDeadLetter' | 'oldestInFlightSeconds'
>;

/** Milliseconds in which a send that gets no answer is tried again twice. */
const LATELY = 2 * SEND_TIMEOUT;

/** Milliseconds that a message may be on its way before its route counts as held up. */
const HELD_UP_AFTER = 30_000;

/** One message on its way through the route. */
interface Passage {
  readonly message: Message;
  /** Of one destination alone; see `DeadLetterReason`. */
  readonly destination?: string;
  readonly orderKey: string;
  readonly id: string;
  /** When its own time to live is over: milliseconds on the monotonic clock. */
  readonly expires?: number;
}

/**
 * What to keep of a message when that much of it is refused: first without what it brought along, then, if it is the message that the
 * broker does not take, the beginning of its body: a message that is too large for any queue must not hold up all others.
 */
function lessThan(extent: DeadLetterExtent, message: Message, refusal: BridgeError): DeadLetterExtent {
  if (extent === 'whole') return 'bare';
  return refusal.code === 'message-refused' && bodySize(message) > LONGEST_CUT_BODY ? 'cut' : extent;
}

/**
 * One route at work on one message after another: plans, holds to the rule's limits, sends, and keeps as dead letter what can
 * never be delivered. Memory: the flow bounds how many messages are in it at a time.
 */
export class RouteWorker {
  readonly #counters: Record<Counter, number> = {
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
  readonly #recent = new RecentKeys();
  readonly #pacer: Pacer | undefined;
  /** When each message that is being sent came to that, in the order of their coming. Milliseconds on the monotonic clock. */
  readonly #sending = new Set<{ readonly since: number }>();
  #refusal: BridgeError | undefined;
  #lastRetry: { readonly error: BridgeError; readonly at: number } | undefined;
  #lastDeadLetter: RouteStatus['lastDeadLetter'];
  #stopping = false;

  constructor(
    readonly route: FlowRoute,
    readonly log: Log,
  ) {
    const { rate } = route.config.limits;
    this.#pacer = rate === undefined ? undefined : new Pacer(rate);
  }

  /** Why nothing gets on, although every connection is up. */
  get obstacle(): BridgeError | undefined {
    if (this.#refusal !== undefined) return this.#refusal;
    const age = this.oldestInFlight();
    if (age < HELD_UP_AFTER) return undefined;
    const last = this.#lastRetry;
    const reason = last !== undefined && performance.now() - last.at < LATELY ? last.error : undefined;
    return new BridgeError(
      reason?.code ?? 'send-timeout',
      `a message has been on its way for ${Math.round(age / 1000)} s${reason === undefined ? '' : `: ${reason.message}`}`,
    );
  }

  /** Milliseconds that the oldest message is being sent; 0 without one. What waits for its turn by `limits.rate` does not count. */
  oldestInFlight(): number {
    const [oldest] = this.#sending;
    return oldest === undefined ? 0 : performance.now() - oldest.since;
  }

  counters(): Readonly<Record<Counter, number>> & Pick<RouteStatus, 'lastDeadLetter'> {
    const last = this.#lastDeadLetter;
    return { ...this.#counters, ...(last === undefined ? {} : { lastDeadLetter: last }) };
  }

  /** What waits for its turn stays with its source, or is sent at once if that has been told that it is accepted. */
  stop(): void {
    this.#stopping = true;
    this.#pacer?.stop(this.route.config.delivery === 'at-most-once');
  }

  /** Resolves true when the message is safe: confirmed by every destination, kept as a dead letter, or not wanted (any more). */
  async deliver(message: Message, captures: ReadonlyMap<string, string>, arrival: Arrival): Promise<boolean> {
    this.#counters.received++;
    this.#counters.inFlight++;
    try {
      return await this.#pass(message, captures, arrival);
    } finally {
      this.#counters.inFlight--;
    }
  }

  /** The message is not safe, and its source was told before that it is. */
  countLost(): void {
    this.#counters.lost++;
  }

  /** Everything up to the first await happens in the turn of the delivery: lanes get messages in the order of arrival. */
  async #pass(message: Message, captures: ReadonlyMap<string, string>, arrival: Arrival): Promise<boolean> {
    let plan: Plan | undefined;
    try {
      plan = this.route.plan(message, captures, arrival);
    } catch (cause) {
      const passage = { message, orderKey: message.address.name, id: arrival.id };
      return (await this.#keepAsDeadLetter(passage, asBridgeError(cause, 'mapping-failed'))) !== 'abandoned';
    }
    if (plan === undefined) {
      this.#counters.filtered++;
      return true;
    }
    const { dedupeKey, orderKey, sends } = plan;
    const lifetime = message.ttl === undefined ? {} : { expires: performance.now() + message.ttl };
    const passage = { message, orderKey, id: arrival.id, ...lifetime };
    if (dedupeKey === undefined) return (await this.#sendAll(sends, passage)) !== 'abandoned';
    let end: 'sent' | 'expired' | 'abandoned' = 'abandoned';
    const result = await this.#recent.once(dedupeKey, async () => {
      end = await this.#sendAll(sends, passage);
      // What expired has not been sent: the next one with this key has to be.
      return end === 'sent';
    });
    if (result !== 'duplicate') return end !== 'abandoned';
    this.#counters.duplicates++;
    return true;
  }

  /** Sent: safe with every destination, or kept as a dead letter. */
  async #sendAll(sends: readonly PlannedSend[], passage: Passage): Promise<'sent' | 'expired' | 'abandoned'> {
    if (this.#pacer !== undefined && !(await this.#pacer.turn())) return 'abandoned';
    const mark = { since: performance.now() };
    this.#sending.add(mark);
    const fates = await Promise.all(sends.map((send) => this.#sendOne(send, passage)));
    this.#sending.delete(mark);
    if (fates.every((fate) => fate === 'confirmed')) this.#counters.delivered++;
    if (fates.includes('abandoned')) return 'abandoned';
    return fates.includes('expired') ? 'expired' : 'sent';
  }

  async #sendOne({ to, result }: PlannedSend, passage: Passage): Promise<Fate> {
    try {
      if (result instanceof BridgeError) throw result;
      const { orderKey, expires } = passage;
      const lifetime = expires === undefined ? {} : { expires };
      await this.#lanesOf(to).send(result, orderKey, { ...lifetime, onRetry: this.#onRetry });
      return 'confirmed';
    } catch (cause) {
      const error = asBridgeError(cause, 'mapping-failed');
      if (error.transient) return 'abandoned';
      if (error.code === 'expired') {
        this.#counters.expired++;
        return 'expired';
      }
      const destination = this.route.destinations[to];
      return this.#keepAsDeadLetter({ ...passage, ...(destination && { destination }) }, error);
    }
  }

  readonly #onRetry = (error: BridgeError): void => {
    this.#counters.retried++;
    this.#lastRetry = { error, at: performance.now() };
  };

  #lanesOf(index: number): Lanes {
    const lanes = this.route.to[index];
    if (lanes === undefined) throw new RangeError(`no destination ${index} in ${this.route.config.name}`);
    return lanes;
  }

  async #keepAsDeadLetter(
    { message, orderKey, id, destination }: Passage,
    error: BridgeError,
  ): Promise<Fate> {
    const { address, lanes } = this.route.deadLetter;
    const route = this.route.config.name;
    const fields = { route, from: describeAddress(message.address), code: error.code };
    const reason = { route, error, id, ...(destination === undefined ? {} : { destination }) };
    let extent: DeadLetterExtent = 'whole';
    let wait = DEAD_LETTER_RETRY.initial;
    do {
      try {
        const letter = deadLetterOf(message, { ...reason, now: Date.now(), extent }, address);
        await lanes.send(letter, orderKey, { onRetry: this.#onRetry });
        this.#counters.deadLettered++;
        this.#lastDeadLetter = { code: error.code, message: error.message, at: new Date().toISOString() };
        this.#refusal = undefined;
        this.log.warn('dead-lettered', { ...fields, reason: error.message });
        return 'dead-lettered';
      } catch (cause) {
        const refusal = asBridgeError(cause, 'connection-lost');
        if (refusal.transient) return 'abandoned';
        this.#refusal = refusal;
        this.log.error('dead letter refused, will try again', { ...fields, reason: refusal.message });
        const less = lessThan(extent, message, refusal);
        if (less === extent) {
          await delay(wait, undefined, { ref: false });
          wait = Math.min(wait * 2, DEAD_LETTER_RETRY.max);
        }
        extent = less;
      }
    } while (!this.#stopping);
    return 'abandoned';
  }
}

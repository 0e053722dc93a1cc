import { setTimeout as delay } from 'node:timers/promises';
import type { RouteConfig } from '../config/config.js';
import { asBridgeError, BridgeError } from '../errors.js';
import { type Address, describeAddress } from '../message/address.js';
import type { Message, OutboundMessage } from '../message/message.js';
import type { Log } from '../observability/log.js';
import type { MessageTrace, RouteTracer, TracedOutcome } from '../observability/tracer.js';
import { type DeadLetterExtent, deadLetterOf, LONGEST_CUT_BODY } from './dead-letter.js';
import type { EchoNotes } from './echo-ledger.js';
import type { Lanes } from './lanes.js';
import { type Arrival, bodySize } from './mapping.js';
import { Pacer } from './pacer.js';
import type { Plan, PlannedSend, Planner } from './plan.js';
import { RecentKeys } from './recent-keys.js';
import { RouteRecord } from './route-record.js';
import { type ShortWay, shareOut } from './short-way.js';
import type { Tails } from './tails.js';
import type { Window } from './window.js';

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
  readonly echoes?: EchoNotes;
  readonly deadLetter: { readonly address: Address; readonly lanes: Lanes };
  /** Where messages are traced. */
  readonly tracer?: RouteTracer;
}

/** What became of a message at one destination. Abandoned: not safe anywhere; its source keeps it. */
type Fate = 'confirmed' | 'dead-lettered' | 'expired' | 'abandoned';

/** One message on its way through the route. */
interface Passage {
  readonly message: Message;
  /** Of one destination alone; see `DeadLetterReason`. */
  readonly destination?: string;
  readonly orderKey: string;
  readonly id: string;
  readonly way: ShortWay | undefined;
  /** When its own time to live is over: milliseconds on the monotonic clock. */
  readonly expires: number | undefined;
  readonly trace: MessageTrace | undefined;
}

/**
 * What to keep of a message when that much of it is refused: first without what it brought along, then, if it is the message that the
 * broker does not take, the beginning of its body: a message that is too large for any queue must not hold up all others.
 */
function lessThan(extent: DeadLetterExtent, message: Message, refusal: BridgeError): DeadLetterExtent {
  if (extent === 'whole') return 'bare';
  return refusal.code === 'message-refused' && bodySize(message) > LONGEST_CUT_BODY ? 'cut' : extent;
}

/** With what their receivers' traces go on from. */
function traced(sends: readonly PlannedSend[], trace: MessageTrace): PlannedSend[] {
  return sends.map(({ to, result }) => ({
    to,
    result: result instanceof BridgeError ? result : trace.send(to, result),
  }));
}

/** Resolves true after so many milliseconds, and false as soon as the signal is given. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<boolean> {
  const options = { ref: false, ...(signal === undefined ? {} : { signal }) };
  return delay(milliseconds, true, options).catch(() => false);
}

/** Of one destination alone, if that has a name. */
function towards(passage: Passage, destination: string | undefined): Passage {
  return destination === undefined ? passage : { ...passage, destination };
}

/**
 * One route at work on one message after another: plans, holds to the rule's limits, sends, and keeps as dead letter what can
 * never be delivered. Memory: the flow bounds how many messages are in it at a time.
 */
export class RouteWorker {
  /** What health tells of it. */
  readonly record = new RouteRecord();
  readonly #recent = new RecentKeys();
  readonly #pacer: Pacer | undefined;
  #stopping = false;

  constructor(
    readonly route: FlowRoute,
    readonly log: Log,
    readonly tails?: Tails,
    readonly window?: Pick<Window, 'delivered'>,
  ) {
    const { rate } = route.config.limits;
    this.#pacer = rate === undefined ? undefined : new Pacer(rate);
  }

  /** What waits for its turn stays with its source, or is sent at once if that has been told that it is accepted. */
  stop(): void {
    this.#stopping = true;
    this.#pacer?.stop(this.route.config.delivery === 'at-most-once');
  }

  /**
   * Resolves true when the message is safe: confirmed by every destination, kept as a dead letter, or not wanted (any more).
   * Everything up to the first await happens in the turn of the delivery: lanes get messages in the order of arrival.
   */
  async deliver(
    message: Message,
    captures: ReadonlyMap<string, string>,
    arrival: Arrival,
    way?: ShortWay,
  ): Promise<boolean> {
    const { counters } = this.record;
    counters.received++;
    counters.inFlight++;
    this.tails?.note(this.route.config.name, message);
    const trace = this.route.tracer?.begin(message);
    try {
      const plan = this.#plan(message, captures, arrival);
      if (plan === undefined) {
        counters.filtered++;
        trace?.end('filtered');
        return true;
      }
      const { id } = arrival;
      if (plan instanceof BridgeError)
        return await this.#refuse(
          { message, orderKey: message.address.name, id, way, expires: undefined, trace },
          plan,
        );
      const expires = message.ttl === undefined ? undefined : performance.now() + message.ttl;
      const passage = { message, orderKey: plan.orderKey, id, way, expires, trace };
      if (plan.dedupeKey !== undefined) return await this.#sendOnce(plan.dedupeKey, plan.sends, passage);
      return (await this.#sendAll(plan.sends, passage)) !== 'abandoned';
    } finally {
      counters.inFlight--;
    }
  }

  /** What to send; an error for a message that the rule cannot judge. */
  #plan(...delivery: Parameters<Planner>): Plan | BridgeError | undefined {
    try {
      return this.route.plan(...delivery);
    } catch (cause) {
      return asBridgeError(cause, 'mapping-failed');
    }
  }

  async #sendOnce(key: string, sends: readonly PlannedSend[], passage: Passage): Promise<boolean> {
    let end: 'sent' | 'expired' | 'abandoned' = 'abandoned';
    if (this.#recent.isBeingDone(key)) passage.way?.standAside();
    const result = await this.#recent.once(key, async () => {
      end = await this.#sendAll(sends, passage);
      // What expired has not been sent: the next one with this key has to be.
      return end === 'sent';
    });
    if (result !== 'duplicate') return end !== 'abandoned';
    this.record.counters.duplicates++;
    passage.trace?.end('duplicate');
    return true;
  }

  /** Sent: safe with every destination, or kept as a dead letter. */
  async #sendAll(
    planned: readonly PlannedSend[],
    passage: Passage,
  ): Promise<'sent' | 'expired' | 'abandoned'> {
    const { way, trace } = passage;
    const taken = this.#pacer && performance.now();
    if (this.#pacer !== undefined && !(await this.#pacer.turn())) {
      trace?.end(this.#outcomeOf(['abandoned']));
      return 'abandoned';
    }
    const mark = this.record.sending(taken);
    const sends = trace === undefined ? planned : traced(planned, trace);
    const together = way && (await this.#sendTogether(way, sends, passage));
    // Most rules have one destination: a message is then some promises cheaper.
    const [first] = sends;
    const fates =
      together ??
      (first !== undefined && sends.length === 1
        ? [await this.#sendOne(first, passage)]
        : await this.#sendEach(sends, passage));
    this.record.sent(mark);
    trace?.end(this.#outcomeOf(fates));
    if (fates.every((fate) => fate === 'confirmed')) {
      const now = performance.now();
      this.record.delivered(mark, now);
      this.window?.delivered(this.route.config.name, now - mark.since, now);
    }
    if (fates.includes('abandoned')) return 'abandoned';
    return fates.includes('expired') ? 'expired' : 'sent';
  }

  async #sendEach(sends: readonly PlannedSend[], passage: Passage): Promise<Fate[]> {
    const ways = passage.way && shareOut(passage.way, sends.length);
    return Promise.all(sends.map((send, index) => this.#sendOne(send, { ...passage, way: ways?.[index] })));
  }

  /** What became of the message as a whole, for traces. */
  #outcomeOf(fates: readonly Fate[]): TracedOutcome {
    if (fates.includes('abandoned'))
      return this.route.config.delivery === 'at-most-once' ? 'lost' : 'abandoned';
    if (fates.includes('dead-lettered')) return 'dead-lettered';
    return fates.includes('expired') ? 'expired' : 'delivered';
  }

  /** The message as a whole cannot be delivered. */
  async #refuse(passage: Passage, error: BridgeError): Promise<boolean> {
    const { way } = passage;
    const fates = way && (await this.#sendTogether(way, [{ to: undefined, result: error }], passage));
    const fate = fates?.[0] ?? (await this.#keepAsDeadLetter(passage, error));
    passage.trace?.end(this.#outcomeOf([fate]), error.code);
    return fate !== 'abandoned';
  }

  /** In one transaction with the acceptance of the message; undefined when it has to go through the lanes. */
  async #sendTogether(
    way: ShortWay,
    sends: readonly {
      /** Undefined: to none of them. */
      readonly to: number | undefined;
      readonly result: PlannedSend['result'];
    }[],
    passage: Passage,
  ): Promise<Fate[] | undefined> {
    if ((passage.expires ?? Number.POSITIVE_INFINITY) <= performance.now())
      return sends.map(() => this.#expire());
    // It was kept waiting meanwhile, for its turn or for another message.
    if (way.gone.aborted) return ['abandoned'];
    const transaction = way.begin();
    if (transaction === undefined) return undefined;
    const { echoes } = this.route;
    const deadLetters: BridgeError[] = [];
    const undo: (() => void)[] = [];
    const add = ({ to, result }: (typeof sends)[number]): Fate => {
      try {
        if (result instanceof BridgeError) throw result;
        transaction.add(result);
        if (echoes !== undefined && to !== undefined) {
          echoes.sent(to, result);
          undo.push(() => echoes.refused(to, result));
        }
        return 'confirmed';
      } catch (cause) {
        const error = asBridgeError(cause, 'mapping-failed');
        if (to !== undefined) passage.trace?.sent(to, error.code);
        transaction.add(this.#deadLetter(towards(passage, this.#nameOf(to)), error));
        deadLetters.push(error);
        return 'dead-lettered';
      }
    };
    let fates: Fate[];
    try {
      fates = sends.map(add);
    } catch {
      // Not even as a dead letter can it be sent like this: the other way knows how to keep less of it.
      for (const back of undo) back();
      return undefined;
    }
    try {
      await transaction.commit();
    } catch (cause) {
      for (const back of undo) back();
      const { code } = asBridgeError(cause, 'connection-lost');
      for (const { to } of sends) if (to !== undefined) passage.trace?.sent(to, code);
      return ['abandoned'];
    }
    for (const error of deadLetters) this.#countDeadLetter(passage, error);
    return fates;
  }

  /** Through the lanes. */
  async #sendOne({ to, result }: PlannedSend, passage: Passage): Promise<Fate> {
    const { echoes } = this.route;
    try {
      if (result instanceof BridgeError) throw result;
      echoes?.sent(to, result);
      const { orderKey, expires } = passage;
      const options = expires === undefined ? this.#sendOptions : { ...this.#sendOptions, expires };
      await this.#lanesOf(to).send(result, orderKey, options);
      passage.trace?.sent(to);
      return 'confirmed';
    } catch (cause) {
      const error = asBridgeError(cause, 'mapping-failed');
      passage.trace?.sent(to, error.code);
      if (error.transient) return 'abandoned';
      if (!(result instanceof BridgeError)) echoes?.refused(to, result);
      if (error.code === 'expired') return this.#expire();
      return this.#keepAsDeadLetter(towards(passage, this.#nameOf(to)), error);
    }
  }

  #expire(): Fate {
    this.record.counters.expired++;
    return 'expired';
  }

  #nameOf(index: number | undefined): string | undefined {
    return index === undefined ? undefined : this.route.destinations[index];
  }

  readonly #sendOptions = { onRetry: (error: BridgeError): void => this.record.retry(error) };

  #lanesOf(index: number): Lanes {
    const lanes = this.route.to[index];
    if (lanes === undefined) throw new RangeError(`no destination ${index} in ${this.route.config.name}`);
    return lanes;
  }

  #deadLetter(
    { message, id, destination }: Passage,
    error: BridgeError,
    extent: DeadLetterExtent = 'whole',
  ): OutboundMessage {
    const { address } = this.route.deadLetter;
    const route = this.route.config.name;
    const reason = { route, error, id, ...(destination === undefined ? {} : { destination }) };
    return deadLetterOf(message, { ...reason, now: Date.now(), extent }, address);
  }

  #countDeadLetter({ message }: Passage, error: BridgeError): void {
    this.record.deadLetter(error);
    this.log.warn('dead-lettered', {
      route: this.route.config.name,
      from: describeAddress(message.address),
      code: error.code,
      reason: error.message,
    });
  }

  async #keepAsDeadLetter(passage: Passage, error: BridgeError): Promise<Fate> {
    const { message, orderKey } = passage;
    const { lanes } = this.route.deadLetter;
    let extent: DeadLetterExtent = 'whole';
    let wait = DEAD_LETTER_RETRY.initial;
    do {
      try {
        await lanes.send(this.#deadLetter(passage, error, extent), orderKey, this.#sendOptions);
        this.#countDeadLetter(passage, error);
        return 'dead-lettered';
      } catch (cause) {
        const refusal = asBridgeError(cause, 'connection-lost');
        if (refusal.transient) return 'abandoned';
        this.record.refusal = refusal;
        this.log.error('dead letter refused, will try again', {
          route: this.route.config.name,
          from: describeAddress(message.address),
          code: error.code,
          reason: refusal.message,
        });
        const less = lessThan(extent, message, refusal);
        if (less === extent) {
          passage.way?.standAside();
          if (!(await pause(wait, passage.way?.gone))) {
            this.record.refusal = undefined;
            return 'abandoned';
          }
          wait = Math.min(wait * 2, DEAD_LETTER_RETRY.max);
        }
        extent = less;
      }
    } while (!this.#stopping);
    return 'abandoned';
  }
}

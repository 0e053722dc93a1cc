import { Backoff } from '../connectors/backoff.js';
import type { Sink } from '../connectors/connector.js';
import { asBridgeError, BridgeError, type ErrorCode } from '../errors.js';
import type { OutboundMessage } from '../message/message.js';

export interface SendOptions {
  /** Milliseconds on the monotonic clock, from which on nobody wants the message any more. */
  readonly expires?: number;
  /** Called each time the message is to be sent again, with the reason. */
  readonly onRetry?: (error: BridgeError) => void;
}

interface Entry {
  readonly orderKey: string;
  readonly options: SendOptions;
  readonly sequence: number;
  readonly message: OutboundMessage;
  readonly confirm: () => void;
  readonly refuse: (error: BridgeError) => void;
  /** How often its connection was lost while it had no answer, and how often of these nothing else had none. */
  losses: number;
  lossesAlone: number;
  attempts: number;
  /** How often its broker said no to it. */
  refusals: number;
}

const NO_OPTIONS: SendOptions = {};

/** Failures that leave open whether the broker has the message. */
const IN_DOUBT: ReadonlySet<ErrorCode> = new Set(['connection-lost', 'send-timeout'] satisfies ErrorCode[]);

/** Lost connections after which what was without an answer goes one at a time: some brokers say no by hanging up. */
const ISOLATE_AFTER = 2;
/**
 * Messages that go one at a time after one for which there was no room: room may come back between any two, and a later message
 * would take it.
 */
const CAUTIOUS_FOR = 1_000;
/** Milliseconds without a confirm, while some are owed, after which a lane counts as held up. */
const HELD_UP = 1_000;
/** Lost connections over one message alone after which it is refused for good. */
const GIVE_UP_AFTER = 5;

export interface LaneOptions {
  /** Milliseconds between attempts; `attempts`: how often a message that its broker refuses is tried. */
  readonly retry: { readonly initial: number; readonly max: number; readonly attempts: number };
  /** At most once: a send whose outcome is unknown is not made again. */
  readonly atMostOnce: boolean;
  /** A send without an answer leaves the connection in doubt: ask for a new one. */
  readonly replaceConnection: () => void;
}

/**
 * One sink connection after another, seen as one that never fails for good: what a lost connection or a transient
 * refusal left unconfirmed is sent again, in its first order, before anything newer (unless it may be sent at most once). Memory: bounded by the flow's credit, which bounds calls to `send`.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #backoff: Backoff;
  #sink: Sink | undefined;
  #sequence = 0;
  /** Not yet handed to a sink, oldest first. */
  #waiting: Entry[] = [];
  /** Handed to a sink, no answer yet. */
  #unanswered = 0;
  /** Transiently refused in this round; sent again when every answer of the round is in. */
  #failed: Entry[] = [];
  /** Up to this sequence number messages go one at a time: one of them is refused, and it is not clear which. */
  #isolateUntil = -1;
  #lastHanded = 0;
  /** How many messages of each order key are neither confirmed nor refused. */
  readonly #held = new Map<string, number>();
  #load = 0;
  /** When the last confirm came, or something was handed over while none was owed: milliseconds on the monotonic clock. */
  #progressAt = 0;
  #pause: NodeJS.Timeout | undefined;
  /** We asked for another connection: what this one's end does to the sends on it is no message's fault. */
  #replacing = false;
  /** Sends of the sink before this one have no answer yet: they come first. */
  #awaitingOldSink = false;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retry);
  }

  /**
   * Resolves when the sink's broker has confirmed, however many attempts and connections that takes. Rejects with a
   * BridgeError: a permanent one for this message alone (`expired` when its time was over before it was sent), or `connection-lost`
   * when the lane was closed.
   */
  send(message: OutboundMessage, orderKey: string, options: SendOptions = NO_OPTIONS): Promise<void> {
    return new Promise((confirm, refuse) => {
      if (this.#closed) {
        refuse(laneClosed());
        return;
      }
      this.#load++;
      this.#held.set(orderKey, (this.#held.get(orderKey) ?? 0) + 1);
      this.#waiting.push({
        orderKey,
        options,
        sequence: this.#sequence++,
        message,
        confirm,
        refuse,
        losses: 0,
        lossesAlone: 0,
        attempts: 0,
        refusals: 0,
      });
      this.#pump();
    });
  }

  /** A fresh connection's sink. */
  open(sink: Sink): void {
    this.#sink = sink;
    this.#replacing = false;
    this.#awaitingOldSink = this.#unanswered > 0;
    this.#pump();
  }

  /** The sink's connection is gone. Each of its sends rejects on its own. */
  lose(): void {
    this.#sink = undefined;
  }

  get isOpen(): boolean {
    return this.#sink !== undefined;
  }

  /** True while what is given to it gets on: nothing is tried again or goes one at a time, and confirms come. */
  get isFlowing(): boolean {
    const isTroubled =
      this.#failed.length > 0 ||
      this.#pause !== undefined ||
      this.#awaitingOldSink ||
      (this.#load > 0 && this.#lastHanded <= this.#isolateUntil);
    if (this.#sink === undefined || isTroubled) return false;
    return this.#unanswered === 0 || performance.now() - this.#progressAt < HELD_UP;
  }

  /** Messages that are neither confirmed nor refused. */
  get load(): number {
    return this.#load;
  }

  /** True while a message of this key is neither confirmed nor refused: on another lane a later one could overtake it. */
  holds(orderKey: string): boolean {
    return this.#held.has(orderKey);
  }

  /** Refuses what is left; the source was never told that it is done, so its broker hands it over again. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#pause);
    for (const entry of [...this.#failed, ...this.#waiting]) this.#refuse(entry, laneClosed());
    this.#failed = [];
    this.#waiting = [];
  }

  #pump(): void {
    // While something failed, nothing newer may overtake it.
    if (this.#failed.length > 0 || this.#pause !== undefined || this.#awaitingOldSink) return;
    let taken = 0;
    for (const entry of this.#waiting) {
      const sink = this.#sink;
      if (sink === undefined) break;
      const isolating = Math.min(entry.sequence, this.#lastHanded) <= this.#isolateUntil;
      if (isolating && this.#unanswered > 0) break;
      taken++;
      const message = withTimeLeft(entry);
      if (message === undefined) this.#refuse(entry, expired());
      else this.#hand(entry, message, sink, isolating);
    }
    if (taken === this.#waiting.length) this.#waiting.length = 0;
    else if (taken > 0) this.#waiting.splice(0, taken);
  }

  #hand(entry: Entry, message: OutboundMessage, sink: Sink, alone: boolean): void {
    if (this.#unanswered++ === 0) this.#progressAt = performance.now();
    this.#lastHanded = entry.sequence;
    entry.attempts++;
    sink.send(message).then(
      () => {
        this.#backoff.reset();
        this.#progressAt = performance.now();
        this.#release(entry);
        entry.confirm();
        this.#answered();
      },
      (cause: unknown) => {
        const error = asBridgeError(cause, 'connection-lost');
        if (error.code === 'send-timeout') this.#replace();
        if (this.#mayRepeat(entry, error)) this.#sendAgain(entry, error, alone);
        else this.#refuse(entry, afterAttempts(error, entry));
        this.#answered();
      },
    );
  }

  #refuse(entry: Entry, error: BridgeError): void {
    this.#release(entry);
    entry.refuse(error);
  }

  #release({ orderKey }: Entry): void {
    this.#load--;
    const held = this.#held.get(orderKey) ?? 0;
    if (held > 1) this.#held.set(orderKey, held - 1);
    else this.#held.delete(orderKey);
  }

  #mayRepeat(entry: Entry, error: BridgeError): boolean {
    if (error.transient) return !(this.#options.atMostOnce && IN_DOUBT.has(error.code));
    // What the bridge itself finds wrong with a message will not get better.
    return error.fromBroker && ++entry.refusals < this.#options.retry.attempts;
  }

  #sendAgain(entry: Entry, error: BridgeError, alone: boolean): void {
    if (this.#closed) {
      this.#refuse(entry, laneClosed());
      return;
    }
    if (error.code === 'connection-lost' && !this.#replacing) {
      entry.losses++;
      if (alone) entry.lossesAlone++;
      if (entry.lossesAlone >= GIVE_UP_AFTER) {
        this.#refuse(entry, hungUpOver(entry, error));
        return;
      }
    }
    if (error.code === 'batch-refused' || entry.losses >= ISOLATE_AFTER)
      this.#isolateUntil = Math.max(this.#isolateUntil, entry.sequence);
    if (error.code === 'destination-full')
      this.#isolateUntil = Math.max(this.#isolateUntil, entry.sequence + CAUTIOUS_FOR);
    this.#failed.push(entry);
    entry.options.onRetry?.(error);
  }

  /** Nothing more goes to a sink whose broker does not answer; the next connection's sink takes over. */
  #replace(): void {
    this.#sink = undefined;
    this.#replacing = true;
    this.#options.replaceConnection();
  }

  #answered(): void {
    this.#unanswered--;
    if (this.#unanswered > 0) return;
    this.#awaitingOldSink = false;
    if (this.#failed.length === 0) {
      this.#pump();
      return;
    }
    // A lost connection already waits in its supervisor; a refusal on a living one waits here.
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      const again = this.#failed.sort((a, b) => a.sequence - b.sequence);
      this.#failed = [];
      this.#waiting = [...again, ...this.#waiting];
      this.#pump();
    }, this.#backoff.next());
  }
}

/** Brokers count a time to live from when they get the message; undefined when nothing is left of it. */
function withTimeLeft({ message, options: { expires } }: Entry): OutboundMessage | undefined {
  if (expires === undefined) return message;
  const left = Math.ceil(expires - performance.now());
  return left < 1 ? undefined : { ...message, ttl: Math.min(message.ttl ?? left, left) };
}

function expired(): BridgeError {
  return new BridgeError('expired', 'its time to live was over before it could be sent');
}

function afterAttempts(error: BridgeError, { attempts }: Entry): BridgeError {
  const { code, message, cause, details, fromBroker } = error;
  return new BridgeError(code, message, {
    cause,
    details,
    fromBroker,
    attempts: fromBroker ? attempts : attempts - 1,
  });
}

/** Artemis answers a forbidden MQTT 3.1.1 publish like this, and Classic an AMQP message over its limit. */
function hungUpOver({ lossesAlone, attempts }: Entry, error: BridgeError): BridgeError {
  return new BridgeError(
    'message-refused',
    `the connection ended ${lossesAlone} times over this message alone; the last time: ${error.message}`,
    { cause: error, attempts },
  );
}

function laneClosed(): BridgeError {
  return new BridgeError('connection-lost', 'the lane was closed before the broker confirmed');
}

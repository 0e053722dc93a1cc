import { beginningOf } from '../message/beginning.js';
import type { Message } from '../message/message.js';
import { bodySize } from './mapping.js';

/** The beginning of a message that came to a route. */
export interface Glimpse {
  /** Counts the messages of this watch. */
  readonly number: number;
  /** ISO 8601: when it came. */
  readonly at: string;
  readonly address: string;
  readonly bytes: number;
  /** The beginning of its body as UTF-8 text; what is none shows as U+FFFD. */
  readonly text: string;
}

/** What a route has brought since it is watched. */
export interface Tail {
  /** Only the last ones, oldest first. */
  readonly messages: readonly Glimpse[];
  /** How many have come since the watch began. */
  readonly seen: number;
}

const MOST_MESSAGES = 50;
/** Bytes of a body, and characters of a name, that are kept. */
const LONGEST_TEXT = 1024;
const LONGEST_NAME = 300;
/** Milliseconds that a watch goes on after somebody has asked for it. */
const PATIENCE = 10_000;
const MOST_ROUTES = 8;

interface Watch {
  readonly messages: Glimpse[];
  seen: number;
  timer: NodeJS.Timeout;
}

/**
 * The last messages of the routes that somebody watches; a watch ends by itself when nobody asks any more. Of other routes nothing
 * is looked at. Memory: of eight routes 50 messages each, the first KiB.
 */
export class Tails {
  readonly #watches = new Map<string, Watch>();

  /** `patience`: milliseconds; see `PATIENCE`. */
  constructor(readonly patience = PATIENCE) {}

  /** A message has come to a route. */
  note(route: string, message: Message): void {
    if (this.#watches.size === 0) return;
    const watch = this.#watches.get(route);
    if (watch === undefined) return;
    watch.messages.push(glimpse(message, ++watch.seen));
    if (watch.messages.length > MOST_MESSAGES) watch.messages.shift();
  }

  /** What has come since the first call of a row of calls, which begins the watch. Undefined: too many routes are watched. */
  read(route: string): Tail | undefined {
    const known = this.#watches.get(route);
    if (known === undefined && this.#watches.size >= MOST_ROUTES) return undefined;
    const watch: Watch = known ?? {
      messages: [],
      seen: 0,
      timer: setTimeout(() => this.#watches.delete(route), this.patience).unref(),
    };
    watch.timer.refresh();
    this.#watches.set(route, watch);
    return { messages: watch.messages.slice(), seen: watch.seen };
  }
}

function glimpse(message: Message, number: number): Glimpse {
  const { address, body } = message;
  return {
    number,
    at: new Date().toISOString(),
    address: `${address.kind} ${address.name.slice(0, LONGEST_NAME)}`,
    bytes: bodySize(message),
    text: beginningOf(typeof body === 'string' || Buffer.isBuffer(body) ? body : body.bytes, LONGEST_TEXT),
  };
}

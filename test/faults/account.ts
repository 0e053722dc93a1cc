/** What a run came to, as Jepsen's total queue judges: acknowledged − received is lost, received − attempted is unexpected. */
export interface Account {
  /** Given to the first broker, acknowledged or not. */
  readonly attempted: number;
  readonly acknowledged: number;
  /** Different ones. */
  readonly received: number;
  readonly lost: number;
  readonly duplicates: number;
  /** Came after a later one of their room; duplicates, and what was never acknowledged, left out. */
  readonly reordered: number;
  /** The same, where the source's broker handed them to the bridge like that on some connection. */
  readonly reorderedByBroker: number;
  readonly unexpected: number;
}

/**
 * What a producer knows: message `n` belongs to room `n % rooms`, and is given to the broker once. A producer repeats nothing,
 * so each message that comes twice was made twice by the bridge or its brokers.
 */
export class Ledger {
  readonly #attempted = new Set<number>();
  readonly #acknowledged = new Set<number>();

  constructor(readonly rooms: number) {}

  attempt(n: number): void {
    if (this.#attempted.has(n)) throw new RangeError(`message ${n} is sent once`);
    this.#attempted.add(n);
  }

  /** The broker has said that it has the message. */
  acknowledge(n: number): void {
    this.#acknowledged.add(n);
  }

  get acknowledged(): ReadonlySet<number> {
    return this.#acknowledged;
  }

  /** Judges what came, in the order in which it did. */
  judge(arrivals: readonly number[], handedOver = new HandedOver()): Account {
    const seen = new Set<number>();
    const newest = new Map<number, number>();
    let duplicates = 0;
    let reordered = 0;
    let reorderedByBroker = 0;
    let unexpected = 0;
    for (const n of arrivals) {
      if (!this.#attempted.has(n)) unexpected++;
      else if (seen.has(n)) duplicates++;
      else {
        seen.add(n);
        if (!this.#acknowledged.has(n)) continue;
        const room = n % this.rooms;
        const before = newest.get(room) ?? -1;
        if (n > before) newest.set(room, n);
        else if (handedOver.inOrder(n, before)) reordered++;
        else reorderedByBroker++;
      }
    }
    return {
      attempted: this.#attempted.size,
      acknowledged: this.#acknowledged.size,
      received: seen.size,
      lost: [...this.#acknowledged].filter((n) => !seen.has(n)).length,
      duplicates,
      reordered,
      reorderedByBroker,
      unexpected,
    };
  }
}

/** Longer than the start of a body up to its number. */
const LONGEST_START = 24;

/**
 * What a broker handed to the bridge, as it went by on the wire. Both ActiveMQ brokers were seen to hand over a queue's messages
 * in another order when a consumer comes back while its last connection is still ending, with plain AMQP clients as well
 * (Classic 6.1.8, Artemis 2.40.0).
 */
export class HandedOver {
  /** By connection: the place of each number's first handing-over on it. */
  readonly #connections = new Map<number, Map<number, number>>();
  readonly #rests = new Map<number, string>();

  readonly tap = (connection: number, bytes: Buffer): void => {
    const text = (this.#rests.get(connection) ?? '') + bytes.toString('latin1');
    const places = this.#connections.get(connection) ?? new Map<number, number>();
    this.#connections.set(connection, places);
    let end = 0;
    for (const match of text.matchAll(/\{"n":(\d+),/g)) {
      const n = Number(match[1]);
      if (!places.has(n)) places.set(n, places.size);
      end = match.index + match[0].length;
    }
    this.#rests.set(connection, text.slice(Math.max(end, text.length - LONGEST_START)));
  };

  /** Whether each connection that brought the second one had brought the first one before: another order is the bridge's then. */
  inOrder(first: number, second: number): boolean {
    return [...this.#connections.values()].every((places) => {
      const [one, other] = [places.get(first), places.get(second)];
      return other === undefined || (one !== undefined && one < other);
    });
  }
}

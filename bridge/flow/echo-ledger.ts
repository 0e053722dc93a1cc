import { createHash } from 'node:crypto';
import { HOPS, hopsOf } from '../message/hops.js';
import type { Message, OutboundMessage } from '../message/message.js';

/**
 * By the name of a route, for each of its destinations: the sessions of this bridge that may read what is sent there, and cannot see
 * the mark of hops in it. Routes without any such destination are not in it.
 */
export type EchoPaths = ReadonlyMap<string, readonly (readonly string[])[]>;

/** Keeps note of what a route sends; see `EchoLedger`. */
export interface EchoNotes {
  /** To be called before it is sent: it may be back before its confirm. */
  sent(to: number, message: OutboundMessage): void;
  /** The broker did not take it. */
  refused(to: number, message: OutboundMessage): void;
}

/** A message of the bridge's own that has come back: under which note, and how many bridges it had passed. */
export interface Echo {
  readonly key: string;
  readonly hops: number;
}

/** Messages with the same name and body that are noted for one session. */
interface Note {
  /** Milliseconds on the ledger's clock, when the last of them was sent. */
  readonly at: number;
  /** How many are not back yet, by their hops; bounded, since no rule sends on more than `limits.hops`. */
  readonly counts: Map<number, number>;
}

/** Notes that are kept: some megabytes at most. */
const MOST_NOTES = 10_000;
/** Milliseconds after which a message is not expected back any more. */
const LONGEST_WAIT = 10 * 60_000;

export interface EchoLedgerOptions {
  readonly limit?: number;
  readonly age?: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
}

/**
 * What the bridge itself sent to where it reads without properties (MQTT 3.1.1 has none), so that its own messages come back with
 * the hops that they left with. It keeps no message back: it only says how many bridges one has passed. Of equal messages as many
 * count as the bridge's own as it sent, and the other ones, of people who say the same, have passed none.
 *
 * - Each session gets a copy of its own of what is published, so each has notes of its own.
 * - What a lost confirm makes the bridge send twice is noted once: the second copy begins at 0 again, and its circle ends all the same.
 * - In memory: after a restart what comes back begins at 0 again.
 *
 * Bounded: with 10,000 notes the oldest give way, and none counts after ten minutes.
 */
export class EchoLedger {
  /** Least recently noted first. */
  readonly #notes = new Map<string, Note>();
  readonly #limit: number;
  readonly #age: number;
  readonly #now: () => number;
  #paths: EchoPaths = new Map();
  #sessions: ReadonlySet<string> = new Set();

  constructor({
    limit = MOST_NOTES,
    age = LONGEST_WAIT,
    now = () => performance.now(),
  }: EchoLedgerOptions = {}) {
    this.#limit = limit;
    this.#age = age;
    this.#now = now;
  }

  get size(): number {
    return this.#notes.size;
  }

  /** From now on these are the rules. What is noted stays so: sessions outlive a change of the rules. */
  follow(paths: EchoPaths): void {
    this.#paths = paths;
    this.#sessions = new Set([...paths.values()].flat(2));
  }

  notesOf(route: string): EchoNotes {
    const sessions = (to: number) => this.#paths.get(route)?.[to] ?? [];
    return {
      sent: (to, message) => this.#change(sessions(to), message, 1),
      refused: (to, message) => this.#change(sessions(to), message, -1),
    };
  }

  /** One of the bridge's own messages that come back to a session; undefined for one that is none of them. */
  take(session: string, { address, body }: Message): Echo | undefined {
    if (this.#notes.size === 0 || !this.#sessions.has(session)) return undefined;
    const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : body.bytes;
    const key = keyOf(session, digestOf(address.name, bytes));
    const note = this.#notes.get(key);
    const [hops] = note === undefined || this.#isOld(note) ? [] : note.counts.keys();
    if (hops === undefined) return undefined;
    this.#add({ key, hops }, -1);
    return { key, hops };
  }

  /** It will come once more: its broker was not told that it is safe. */
  giveBack(echo: Echo): void {
    this.#add(echo, 1);
  }

  #change(sessions: readonly string[], { to, body, properties }: OutboundMessage, by: 1 | -1): void {
    if (sessions.length === 0) return;
    const digest = digestOf(to.name, body);
    const hops = hopsOf(properties);
    for (const session of sessions) this.#add({ key: keyOf(session, digest), hops }, by);
  }

  #add({ key, hops }: Echo, by: 1 | -1): void {
    const known = this.#notes.get(key);
    const counts = known === undefined || this.#isOld(known) ? new Map<number, number>() : known.counts;
    const count = (counts.get(hops) ?? 0) + by;
    if (count > 0) counts.set(hops, count);
    else counts.delete(hops);
    if (by > 0 || counts.size === 0) this.#notes.delete(key);
    if (by > 0) this.#notes.set(key, { at: this.#now(), counts });
    this.#forgetOld();
  }

  #forgetOld(): void {
    for (const [key, note] of this.#notes) {
      if (this.#notes.size <= this.#limit && !this.#isOld(note)) return;
      this.#notes.delete(key);
    }
  }

  #isOld({ at }: Note): boolean {
    return this.#now() - at > this.#age;
  }
}

/** One session's way of reading the ledger: gives back what its source hands over again. */
export class EchoReader {
  /** Memory: as much as the flow has in flight. */
  readonly #unsettled = new Map<Message, Echo>();

  constructor(
    readonly ledger: EchoLedger,
    readonly session: string,
  ) {}

  /** The message as it was taken, with the hops of the bridge's own message if it is one that came back. */
  mark(message: Message): Message {
    const echo = this.ledger.take(this.session, message);
    if (echo === undefined) return message;
    const hops = Math.max(echo.hops, hopsOf(message.properties));
    const marked = { ...message, properties: new Map(message.properties).set(HOPS, hops) };
    this.#unsettled.set(marked, echo);
    return marked;
  }

  /** Its broker forgets it. */
  settled(marked: Message): void {
    this.#unsettled.delete(marked);
  }

  /** The source is gone, and hands over again what was not settled. */
  lost(): void {
    for (const echo of this.#unsettled.values()) this.ledger.giveBack(echo);
    this.#unsettled.clear();
  }
}

const keyOf = (session: string, digest: string) => `${session}\n${digest}`;

/**
 * The MQTT topic a/b is the JMS topic a.b on both brokers, and what has both characters each writes in its own way. So they count as
 * one: that `a.b` and `a/b` of a plain MQTT broker are mixed up does no harm, as long as the same is said in both.
 */
function digestOf(name: string, body: string | Buffer): string {
  return createHash('sha256')
    .update(`${name.replaceAll('.', '/')}\0`)
    .update(body)
    .digest('base64');
}

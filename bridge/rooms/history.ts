import type { BrokerConfig, Config } from '../config/config.js';
import type { Connection, Delivery } from '../connectors/connector.js';
import { Supervisor } from '../connectors/supervisor.js';
import { CONNECT, endpointOf } from '../endpoints.js';
import { asBridgeError, BridgeError } from '../errors.js';
import type { Log } from '../observability/log.js';
import { decodeLevel, encodeLevel } from '../routing/name-codec.js';
import { type HistoryMessage, parseHistoryMessage } from './history-message.js';

/** Shows newcomers what was said last in a room: reads the queue that a rule keeps for each room, and keeps it short. */
export interface RoomHistory {
  start(): void;
  stop(): Promise<void>;
  /**
   * The last messages of a room, oldest first.
   * @throws BridgeError when the broker cannot be reached or does not let the bridge read the queue; limit-exceeded when too many ask at once
   */
  last(room: string, count: number): Promise<HistoryMessage[]>;
}

/** Messages of a room that stay. */
export const HISTORY = 50;
/** What the destination of a rule has to be called for a history. */
const QUEUE = 'chat-history';
export const HISTORY_TEMPLATE = `${QUEUE}.{room}`;

/** Messages after which a room's queue is cut again. */
const CUT_AFTER = 50;
/** Milliseconds until then: what was heard of is by then on the queue, too. */
const CUT_DELAY = 1_000;
/** What ActiveMQ Classic shows of a queue at most, without a setting (maxBrowsePageSize). */
const PAGE = 400;
/** Rooms whose messages are counted; the one that was silent longest is forgotten. */
const MAX_COUNTED = 2_000;
/** Rooms that are read at a time; further callers wait. */
const AT_A_TIME = 8;
/** Callers that are being served or wait: each new room costs the broker a queue. */
const MOST_CALLERS = 100;

/** True when a rule of the file keeps a history on this broker, and the bridge can look at a queue there. */
export function keepsHistory(config: Config, broker: BrokerConfig): boolean {
  return (
    broker.endpoints.has('amqp') &&
    config.routes.some(({ enabled, to }) =>
      to.some(
        (one) =>
          enabled && one.kind === 'queue' && one.broker === broker.name && one.name.text === HISTORY_TEMPLATE,
      ),
    )
  );
}

/** The histories on this broker. */
export function createRoomHistory(broker: BrokerConfig, log: Log): RoomHistory {
  return new History(broker, log);
}

class History implements RoomHistory {
  readonly #log: Log;
  readonly #reader: Supervisor;
  readonly #listener: Supervisor;
  #connection: Connection | undefined;
  /** Messages of each room since its queue was to be cut; the order is that of the last message. */
  readonly #counts = new Map<string, number>();
  /** Rooms whose queue will be cut soon. */
  readonly #soon = new Map<string, NodeJS.Timeout>();
  #stopped = false;
  /** One thing at a time a room: what is looked at must not be cut meanwhile. */
  readonly #working = new Map<string, Promise<unknown>>();
  #busy = 0;
  #callers = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(broker: BrokerConfig, log: Log) {
    this.#log = log;
    const { clientId } = broker;
    this.#reader = new Supervisor({
      name: 'history, reading',
      endpoint: endpointOf(broker, 'amqp', { clientId: `${clientId}:history:amqp`, cleanSession: true }),
      connect: CONNECT.amqp,
      onUp: async (connection) => {
        this.#connection = connection;
      },
      onDown: () => {
        this.#connection = undefined;
      },
      log,
    });
    this.#listener = new Supervisor({
      name: 'history, listening',
      endpoint: endpointOf(broker, 'mqtt', { clientId: `${clientId}:history`, cleanSession: true }),
      connect: CONNECT.mqtt,
      onUp: (connection) => this.#listen(connection),
      onDown: () => {},
      log,
    });
  }

  start(): void {
    this.#reader.start();
    this.#listener.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#soon.values()) clearTimeout(timer);
    this.#soon.clear();
    await Promise.all([this.#reader.stop(), this.#listener.stop()]);
  }

  async last(room: string, count: number): Promise<HistoryMessage[]> {
    if (this.#callers >= MOST_CALLERS)
      throw new BridgeError('limit-exceeded', `${MOST_CALLERS} others ask at the same time; try again`);
    this.#callers++;
    try {
      const all = await this.#alone(room, () => this.#cut(room));
      return all.slice(-Math.min(count, HISTORY)).flatMap(({ body }) => parseHistoryMessage(body) ?? []);
    } finally {
      this.#callers--;
    }
  }

  /** Counts what is said, so that no queue grows long although nobody asks for it. */
  async #listen(connection: Connection): Promise<void> {
    const levels = [{ literal: 'chat' }, 'one' as const, { literal: 'messages' }];
    const source = await connection.source(
      { kind: 'mqtt', subscriptions: [{ pattern: { kind: 'mqtt', levels }, qos: 0 }] },
      (delivery) => {
        delivery.settle('accepted');
        source.grant(1);
        const room = delivery.message.address.name.split('/')[1];
        if (room !== undefined) this.#count(decodeLevel(room));
      },
    );
    source.grant(PAGE);
  }

  #count(room: string): void {
    const count = (this.#counts.get(room) ?? 0) + 1;
    this.#counts.delete(room);
    if (count >= CUT_AFTER) {
      this.#cutSoon(room);
      return;
    }
    this.#counts.set(room, count);
    if (this.#counts.size > MAX_COUNTED) this.#counts.delete(this.#counts.keys().next().value ?? '');
  }

  #cutSoon(room: string): void {
    if (this.#stopped || this.#soon.has(room) || this.#soon.size >= MAX_COUNTED) return;
    const cut = () => {
      this.#soon.delete(room);
      this.#alone(room, () => this.#cut(room)).catch((error: unknown) => {
        const { code, message } = asBridgeError(error, 'connection-lost');
        if (!this.#stopped) this.#log.warn('history.not-cut', { room, code, reason: message });
      });
    };
    this.#soon.set(room, setTimeout(cut, CUT_DELAY));
  }

  /** Takes the oldest messages off the queue until `HISTORY` are left; resolves with these. */
  async #cut(room: string): Promise<Delivery['message'][]> {
    for (;;) {
      const all = await this.#take(room, PAGE, { browse: true });
      if (all.length <= HISTORY) return all;
      // More may be on its way: until nothing is left to cut.
      this.#cutSoon(room);
      await this.#take(room, all.length - HISTORY, { browse: false });
      // Less than a page was all there is.
      if (all.length < PAGE) return all.slice(-HISTORY);
    }
  }

  /** The oldest messages: a look at them, or for good. */
  async #take(
    room: string,
    count: number,
    { browse }: { readonly browse: boolean },
  ): Promise<Delivery['message'][]> {
    const connection = this.#connection;
    if (connection === undefined) {
      const { reason } = this.#reader.status();
      throw new BridgeError(
        reason?.code ?? 'connection-lost',
        reason?.message ?? 'the bridge is still connecting to the broker of the rooms',
      );
    }
    // As the rule's hole makes it: a room may have any name, and the queue of `a,ORDERS` must not be ORDERS, too.
    const levels = [{ literal: QUEUE }, { literal: encodeLevel(room) }];
    const found: Delivery['message'][] = [];
    const source = await connection.source(
      {
        kind: 'queue',
        pattern: { kind: 'queue', levels },
        window: count,
        ...(browse ? { browse } : {}),
      },
      (delivery) => {
        found.push(delivery.message);
        delivery.settle('accepted');
      },
    );
    source.grant(count);
    await source.drain?.();
    await source.stop();
    return found;
  }

  async #alone<Result>(room: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#working.get(room) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => this.#inTurn(work));
    this.#working.set(room, mine);
    try {
      return await mine;
    } finally {
      if (this.#working.get(room) === mine) this.#working.delete(room);
    }
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#busy >= AT_A_TIME) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy++;
    try {
      return await work();
    } finally {
      this.#busy--;
      this.#waiting.shift()?.();
    }
  }
}

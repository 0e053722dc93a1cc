import { atMost } from '../at-most.js';
import type { BrokerConfig, Config } from '../config/config.js';
import type { Connection, Delivery, Sink } from '../connectors/connector.js';
import { Supervisor } from '../connectors/supervisor.js';
import { CONNECT, connectOnce, endpointOf } from '../endpoints.js';
import { asBridgeError, BridgeError } from '../errors.js';
import { takes } from '../message/address.js';
import type { OutboundMessage } from '../message/message.js';
import type { Log } from '../observability/log.js';
import { aboutTopic, parseAbout, type RoomAbout, roomOfTopic } from './about.js';
import { newRoomId } from './room-id.js';

/** Keeps the list of chat rooms: announces new ones on the broker, and again those that the broker forgot. */
export interface RoomDirectory {
  start(): void;
  stop(): Promise<void>;
  /**
   * Makes a room. Resolves when the broker has its description, so that it survives a restart of the broker and of the bridge.
   * @throws BridgeError limit-exceeded when there are too many rooms; connection-lost and others when the broker did not take it
   */
  create(about: Pick<RoomAbout, 'name' | 'createdBy'>): Promise<RoomAbout>;
  /** Every room that is known, oldest first. */
  list(): RoomAbout[];
}

/** Rooms that are remembered; each is at most about a kilobyte. */
export const MAX_ROOMS = 1_000;

/** What ActiveMQ Classic keeps the descriptions on: a retained message does not survive its restart (6.1.8). */
const ROOMS_QUEUE = 'chat-rooms';

/** Descriptions that are read at a time. */
const WINDOW = 500;
/** Milliseconds until a send without an answer has failed. */
const SEND_TIMEOUT = 10_000;
/** Milliseconds that a stop waits for what is being kept. */
const STOP_WAIT = 2_000;
/** Milliseconds that a new room waits for a connection that is not there: a broker's restart takes longer. */
const CONNECTION_WAIT = 5_000;

/**
 * The broker that rooms are on: the one from which a rule reads `chat/{room}/messages`, or the only one.
 * Undefined when the file says nothing of a chat page, or there is no such broker.
 */
export function roomsBroker(config: Config): BrokerConfig | undefined {
  if (config.http.chat === undefined) return undefined;
  const rule = config.routes.find(
    ({ enabled, from }) => enabled && from.kind === 'mqtt' && takes(from.pattern, 'chat/room/messages'),
  );
  const [only, ...others] = config.brokers.values();
  const broker =
    rule === undefined ? (others.length === 0 ? only : undefined) : config.brokers.get(rule.from.broker);
  return broker?.endpoints.has('mqtt') === true ? broker : undefined;
}

/** The rooms of this broker; it connects with the bridge's account. */
export function createRoomDirectory(broker: BrokerConfig, log: Log): RoomDirectory {
  return new Directory(broker, log);
}

class Directory implements RoomDirectory {
  readonly #broker: BrokerConfig;
  readonly #log: Log;
  readonly #rooms = new Map<string, RoomAbout>();
  /** Classic, where the bridge can both write and look at a queue. */
  readonly #keeps: boolean;
  readonly #writer: Supervisor;
  readonly #listener: Supervisor;
  readonly #stop = new AbortController();
  #sink: Sink | undefined;
  /** Descriptions of members that are on their way to the queue. At most as many as were granted. */
  readonly #keeping = new Set<Promise<void>>();
  /** Called when there is a sink again. */
  readonly #waiting = new Set<() => void>();
  #toldFull = false;

  constructor(broker: BrokerConfig, log: Log) {
    this.#broker = broker;
    this.#log = log;
    const { endpoints, clientId } = broker;
    const isClassic = broker.type === 'activemq';
    this.#keeps = isClassic && endpoints.has('amqp') && endpoints.has('stomp');
    // As for routes: over MQTT, Classic acknowledges and throws away what the account may not publish.
    const via = isClassic && endpoints.has('stomp') ? 'stomp' : 'mqtt';
    // A colon in the client ids: no name of a route or connection has one, and theirs make client ids too.
    this.#writer = new Supervisor({
      name: 'rooms, writing',
      endpoint: endpointOf(broker, via, { clientId: `${clientId}:rooms:${via}`, cleanSession: true }),
      connect: CONNECT[via],
      onUp: (connection) => this.#writable(connection),
      onDown: () => {
        this.#sink = undefined;
      },
      log,
    });
    this.#listener = new Supervisor({
      name: 'rooms, reading',
      endpoint: endpointOf(broker, 'mqtt', { clientId: `${clientId}:rooms`, cleanSession: true }),
      connect: CONNECT.mqtt,
      onUp: (connection) => this.#listen(connection),
      onDown: () => {},
      log,
    });
  }

  start(): void {
    this.#writer.start();
  }

  /** What is listed already is kept before, unless that takes too long: nobody would announce it again. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const wake of this.#waiting) wake();
    await this.#listener.stop();
    await atMost(STOP_WAIT, Promise.allSettled(this.#keeping));
    await this.#writer.stop();
  }

  async create({ name, createdBy }: Pick<RoomAbout, 'name' | 'createdBy'>): Promise<RoomAbout> {
    if (this.#rooms.size >= MAX_ROOMS)
      throw new BridgeError('limit-exceeded', `there are ${MAX_ROOMS} rooms already, which is the most`);
    const about = { id: newRoomId(), name, createdBy, createdAt: new Date().toISOString() };
    // At once: what is being written counts for the limit.
    this.#rooms.set(about.id, about);
    try {
      await this.#keep(about);
      await this.#announce(about);
    } catch (error) {
      this.#rooms.delete(about.id);
      throw error;
    }
    return about;
  }

  list(): RoomAbout[] {
    return [...this.#rooms.values()].sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  }

  /** Announces every room again: the broker may have been restarted. Only then new ones are made. */
  async #writable(connection: Connection): Promise<void> {
    const sink = await connection.sink({ sendTimeout: SEND_TIMEOUT, window: WINDOW });
    if (this.#keeps) {
      for (const about of await this.#kept()) this.#remember(about);
      await Promise.all(this.list().map((about) => sink.send(retained(about))));
    }
    this.#sink = sink;
    // Not before: what is kept already would count as new, and be kept twice.
    this.#listener.start();
    for (const wake of this.#waiting) wake();
  }

  /** What the broker keeps, oldest first; it stays there. */
  async #kept(): Promise<RoomAbout[]> {
    const identity = { clientId: `${this.#broker.clientId}:rooms:kept`, cleanSession: true };
    const connection = await connectOnce(endpointOf(this.#broker, 'amqp', identity), this.#stop.signal);
    try {
      const found: RoomAbout[] = [];
      const source = await connection.source(
        {
          kind: 'queue',
          pattern: { kind: 'queue', levels: [{ literal: ROOMS_QUEUE }] },
          window: MAX_ROOMS,
          browse: true,
        },
        ({ message }) => {
          const about = parseAbout(message.body);
          if (about !== undefined) found.push(about);
        },
      );
      source.grant(MAX_ROOMS);
      await source.drain?.();
      return found;
    } finally {
      await connection.close();
    }
  }

  /** Members may describe rooms, too: what they retain is heard here, and kept. */
  async #listen(connection: Connection): Promise<void> {
    const levels = [{ literal: 'chat' }, 'one' as const, { literal: 'about' }];
    const source = await connection.source(
      { kind: 'mqtt', subscriptions: [{ pattern: { kind: 'mqtt', levels }, qos: 1 }] },
      (delivery) => {
        source.grant(1);
        void this.#heard(delivery);
      },
    );
    source.grant(WINDOW);
  }

  async #heard(delivery: Delivery): Promise<void> {
    const { address, body } = delivery.message;
    const about = parseAbout(body);
    if (about === undefined || about.id !== roomOfTopic(address.name) || !this.#remember(about))
      return delivery.settle('accepted');
    const keeping = this.#keep(about);
    this.#keeping.add(keeping);
    try {
      await keeping;
    } catch (error) {
      const { code, message } = asBridgeError(error, 'connection-lost');
      this.#log.warn('rooms.not-kept', { room: about.id, code, reason: message });
      // It is heard again with the next connection.
      this.#rooms.delete(about.id);
    } finally {
      this.#keeping.delete(keeping);
    }
    delivery.settle('accepted');
  }

  /** False when there is nothing new to keep. */
  #remember(about: RoomAbout): boolean {
    const isNew = !this.#rooms.has(about.id);
    if (isNew && this.#rooms.size >= MAX_ROOMS) {
      if (!this.#toldFull) this.#log.warn('rooms.too-many', { most: MAX_ROOMS });
      this.#toldFull = true;
      return false;
    }
    this.#rooms.set(about.id, about);
    return isNew;
  }

  async #keep(about: RoomAbout): Promise<void> {
    if (this.#keeps) await this.#send(message({ kind: 'queue', name: ROOMS_QUEUE }, about));
  }

  #announce(about: RoomAbout): Promise<void> {
    return this.#send(retained(about));
  }

  async #send(outbound: OutboundMessage): Promise<void> {
    if (this.#sink === undefined && !this.#stop.signal.aborted) await this.#connected();
    if (this.#sink === undefined) {
      const { reason } = this.#writer.status();
      throw new BridgeError(
        reason?.code ?? 'connection-lost',
        reason?.message ?? 'the bridge is still connecting to the broker of the rooms',
      );
    }
    await this.#sink.send(outbound);
  }

  /** Resolves when there is a sink, or when it takes too long. */
  #connected(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, CONNECTION_WAIT);
      this.#waiting.add(done);
    });
  }
}

const retained = (about: RoomAbout): OutboundMessage => ({
  ...message({ kind: 'mqtt', name: aboutTopic(about.id) }, about),
  retain: true,
});

function message(to: OutboundMessage['to'], about: RoomAbout): OutboundMessage {
  const { id, name, createdBy, createdAt } = about;
  return {
    to,
    body: JSON.stringify({ id, name, createdBy, createdAt }),
    properties: new Map([['room', id]]),
    persistent: true,
    timestamp: Date.now(),
    id: `ID:room-${id}`,
    qos: 1,
    retain: false,
  };
}

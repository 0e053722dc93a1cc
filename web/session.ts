import mqtt, { type MqttClient } from 'mqtt';
import {
  aboutTopic,
  accountOf,
  type ChatMessage,
  decodeAbout,
  decodeMessage,
  directId,
  encodeMessage,
  type Incoming,
  inboxTopic,
  membersFilter,
  messagesTopic,
  parseRoomTopic,
  type RoomAbout,
} from './protocol.js';

/** How the connection to the broker is, for people. `refused` and `closed` are final. */
export type SessionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'online' }
  | { readonly kind: 'offline'; readonly reason: string; readonly retryInMs: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'closed' };

export interface SessionOptions {
  readonly url: string;
  readonly clientId: string;
  readonly account: string;
  readonly password: string;
  readonly onState: (state: SessionState) => void;
  readonly onMessage: (room: string, incoming: Incoming) => void;
  /** What is said in the room comes from now on. */
  readonly onSubscribed: (room: string) => void;
  readonly onAbout: (about: RoomAbout) => void;
  /** Somebody is in the room that is watched, or has left it. */
  readonly onMember: (room: string, account: string, online: boolean) => void;
  /** The broker has the message (its PUBACK came). */
  readonly onSent: (room: string, id: string) => void;
  /** The broker does not let this account read the room. */
  readonly onRoomRefused: (room: string, reason: string) => void;
}

/** How many messages may wait for the broker, online or not. */
const MAX_OUTBOX = 100;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_SECONDS = 60;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** MQTT 3.1.1, table 3.1: what a broker answers to CONNECT. Code 3 passes; the others need a person. */
const CONNACK_REASONS: ReadonlyMap<number, string> = new Map([
  [1, 'Unacceptable protocol version'],
  [2, 'Identifier rejected'],
  [3, 'Server unavailable'],
  [4, 'Bad user name or password'],
  [5, 'Not authorized'],
]);
const SERVER_UNAVAILABLE = 3;
const IDENTIFIER_REJECTED = 2;

/**
 * One login to the broker: MQTT 3.1.1 over WebSocket with a persistent session, so that the broker keeps what
 * comes while the page is away. A lost connection is opened again, for ever, by a new client each time; what
 * was not acknowledged goes out again with its old id, in its old order. A refused login ends the session.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #rooms = new Set<string>();
  readonly #outbox = new Map<string, { readonly room: string; readonly message: ChatMessage }>();
  readonly #abouts = new Map<string, RoomAbout>();
  #watched: string | undefined;
  #client: MqttClient | undefined;
  #online = false;
  #wasOnline = false;
  #attempts = 0;
  #over = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions, rooms: Iterable<string>) {
    this.#options = options;
    for (const room of rooms) this.#rooms.add(room);
    this.#connect();
  }

  /** Subscribes to the room, now and after each reconnect. */
  join(room: string): void {
    this.#rooms.add(room);
    if (this.#online && this.#client !== undefined) this.#subscribe(this.#client, room);
  }

  /** Ends the subscription on the broker too, so that it keeps nothing for this room any more. */
  leave(room: string): void {
    this.#rooms.delete(room);
    if (this.#online && this.#client !== undefined) this.#unsubscribe(this.#client, room);
  }

  /** Hears who is in this room, and no more of the one before; undefined for none. */
  watch(room: string | undefined): void {
    const before = this.#watched;
    if (before === room) return;
    this.#watched = room;
    if (!this.#online || this.#client === undefined) return;
    if (before !== undefined) this.#client.unsubscribe(membersFilter(before), ignore);
    this.#watchMembers(this.#client);
  }

  /** Publishes what the room is, retained for all who come later. */
  describe(about: RoomAbout): void {
    this.#abouts.set(about.id, about);
    if (this.#online && this.#client !== undefined) this.#publishAbout(this.#client, about);
  }

  /** Queues the message for the broker; false when too many are waiting already. Calls back with onSent. */
  send(room: string, message: ChatMessage): boolean {
    if (this.#outbox.size >= MAX_OUTBOX) return false;
    this.#outbox.set(message.id, { room, message });
    if (this.#online && this.#client !== undefined) this.#publish(this.#client, room, message);
    return true;
  }

  /** Tries at once instead of at the end of the wait; for when the device says that it is online again. */
  retryNow(): void {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  /** Ends the connection. The broker keeps the session, and what comes for it. */
  close(): void {
    this.#finish({ kind: 'closed' });
  }

  #connect(): void {
    this.#retry = undefined;
    this.#options.onState({ kind: 'connecting' });
    const { url, clientId, account, password } = this.#options;
    const client = mqtt.connect(url, {
      protocolVersion: 4,
      clean: false,
      clientId,
      username: account,
      password,
      keepalive: KEEPALIVE_SECONDS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // This class does both: the library's own reconnect forgets a refused subscription without an event.
      reconnectPeriod: 0,
      resubscribe: false,
      // The default is a worker from a blob: URL, which the page's content security policy does not allow.
      timerVariant: 'native',
    });
    this.#client = client;
    let failure = 'The broker cannot be reached';
    client.on('connect', () => {
      if (client === this.#client) this.#connected(client);
    });
    client.on('message', (topic, body) => {
      if (client === this.#client) this.#received(client, topic, body);
    });
    client.on('error', (error) => {
      if (client !== this.#client) return;
      const code = connackCode(error);
      if (code === undefined) return;
      const reason = CONNACK_REASONS.get(code) ?? error.message;
      failure = `The broker answered: ${reason}`;
      // Right after a lost connection a broker may still hold the old one under our client ID.
      const passing = code === SERVER_UNAVAILABLE || (code === IDENTIFIER_REJECTED && this.#wasOnline);
      if (!passing) this.#finish({ kind: 'refused', reason });
    });
    client.on('close', () => {
      if (client === this.#client) this.#lost(client, this.#online ? 'The connection was lost' : failure);
    });
  }

  #connected(client: MqttClient): void {
    this.#online = true;
    this.#wasOnline = true;
    this.#attempts = 0;
    // A broker may not remember the session (Classic never says whether it does), so subscribe each time.
    for (const room of this.#rooms) this.#subscribe(client, room);
    const inbox = directId(this.#options.account);
    if (inbox !== undefined) client.subscribe(inboxTopic(this.#options.account), { qos: 1 }, ignore);
    this.#watchMembers(client);
    for (const about of this.#abouts.values()) this.#publishAbout(client, about);
    for (const { room, message } of this.#outbox.values()) this.#publish(client, room, message);
    this.#options.onState({ kind: 'online' });
  }

  #lost(client: MqttClient, reason: string): void {
    this.#online = false;
    this.#client = undefined;
    client.end(true);
    if (this.#over) return;
    const ceiling = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempts);
    // Jitter, so that a room full of browsers does not come back to a restarted broker at one moment.
    const retryInMs = Math.round(ceiling * (0.5 + Math.random() / 2));
    this.#attempts += 1;
    this.#options.onState({ kind: 'offline', reason, retryInMs });
    this.#retry = setTimeout(() => this.#connect(), retryInMs);
  }

  #finish(state: SessionState): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const client = this.#client;
    const polite = this.#online && this.#outbox.size === 0;
    this.#client = undefined;
    this.#online = false;
    // A polite end waits for acknowledgements; with any outstanding it would wait for ever.
    client?.end(!polite);
    this.#options.onState(state);
  }

  /** One SUBSCRIBE a filter: a refused one must not take the other with it. */
  #subscribe(client: MqttClient, room: string): void {
    // What we write to somebody is in that inbox, and the answer in ours.
    if (accountOf(room) !== undefined) return;
    client.subscribe(messagesTopic(room), { qos: 1 }, (error, granted) => {
      if (client !== this.#client || !this.#rooms.has(room)) return;
      const refused = error !== null || granted?.some(({ qos }) => qos === 128) === true;
      if (refused) this.#options.onRoomRefused(room, 'The broker does not let this account read this room.');
      else this.#options.onSubscribed(room);
    });
    // Retained, so it comes at each subscription: QoS 0 is enough and leaves nothing behind on the broker.
    client.subscribe(aboutTopic(room), { qos: 0 }, ignore);
  }

  #watchMembers(client: MqttClient): void {
    if (this.#watched !== undefined) client.subscribe(membersFilter(this.#watched), { qos: 0 }, ignore);
  }

  #unsubscribe(client: MqttClient, room: string): void {
    if (accountOf(room) !== undefined) return;
    client.unsubscribe([messagesTopic(room), aboutTopic(room)], ignore);
  }

  #publish(client: MqttClient, room: string, message: ChatMessage): void {
    client.publish(messagesTopic(room), encodeMessage(message), { qos: 1 }, (error) => {
      if (error !== null && error !== undefined) return;
      if (this.#outbox.delete(message.id)) this.#options.onSent(room, message.id);
    });
  }

  #publishAbout(client: MqttClient, about: RoomAbout): void {
    client.publish(aboutTopic(about.id), JSON.stringify(about), { qos: 1, retain: true }, (error) => {
      if (error === null || error === undefined) this.#abouts.delete(about.id);
    });
  }

  #received(client: MqttClient, topic: string, body: Uint8Array): void {
    if (topic === inboxTopic(this.#options.account)) {
      const incoming = decodeMessage(body);
      const from = incoming.kind === 'chat' ? directId(incoming.message.from) : undefined;
      this.#options.onMessage(from ?? UNKNOWN_SENDER, incoming);
      return;
    }
    const address = parseRoomTopic(topic);
    if (address === undefined) return;
    const { room, kind } = address;
    if (kind === 'member') {
      if (room === this.#watched) this.#options.onMember(room, address.account, body.length > 0);
      return;
    }
    if (!this.#rooms.has(room)) {
      // Left while offline: the broker's session still has the subscription.
      this.#unsubscribe(client, room);
      return;
    }
    if (kind === 'messages') {
      this.#options.onMessage(room, decodeMessage(body));
      return;
    }
    const about = decodeAbout(body, room);
    if (about !== undefined) this.#options.onAbout(about);
  }
}

const ignore = () => {};

/** For what comes into the inbox and does not say from whom. */
const UNKNOWN_SENDER = '@unknown';

/** The code of a refused CONNACK; undefined for any other error, which always ends in a `close` as well. */
function connackCode(error: Error): number | undefined {
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'number' && code > 0 ? code : undefined;
}

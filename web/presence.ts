import mqtt, { type MqttClient } from 'mqtt';
import { memberTopic } from './protocol.js';

export interface PresenceOptions {
  readonly url: string;
  readonly clientId: string;
  readonly account: string;
  readonly password: string;
}

/** What every retained presence says (design.md, section 7). Nothing retained means: not there. */
const ONLINE = JSON.stringify({ online: true });
const KEEPALIVE_SECONDS = 30;
const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_MS = 3_000;
/** What a broker answers to a CONNECT that is as wrong the next time (MQTT 3.1.1, table 3.1): account, password, permission. */
const REFUSALS: readonly number[] = [4, 5];

/**
 * Says in the room that is open on the screen that the account is there. A connection of its own, one at a time: MQTT gives a connection
 * one will, set when it connects, and the will is how the others learn of one that breaks.
 */
export class Presence {
  readonly #options: PresenceOptions;
  #room: string | undefined;
  #client: MqttClient | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #count = 0;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Goes there, and away from where it was; undefined for nowhere. */
  enter(room: string | undefined): void {
    if (room === this.#room) return;
    this.#leave();
    this.#room = room;
    if (room !== undefined) this.#connect(room);
  }

  /** The broker says that we are away: another page of this account has left the room. */
  sayAgain(): void {
    const client = this.#client;
    if (this.#room !== undefined && client?.connected === true) this.#say(client, this.#room, ONLINE);
  }

  #connect(room: string): void {
    const topic = memberTopic(room, this.#options.account);
    if (topic === undefined) return;
    const { url, clientId, account, password } = this.#options;
    this.#count += 1;
    const client = mqtt.connect(url, {
      protocolVersion: 4,
      clean: true,
      // Not the same again: the broker may still hold the one before.
      clientId: `${clientId}-here-${this.#count}`,
      username: account,
      password,
      keepalive: KEEPALIVE_SECONDS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      timerVariant: 'native',
      will: { topic, payload: '', qos: 1, retain: true },
    });
    this.#client = client;
    client.on('connect', () => {
      if (client === this.#client) this.#say(client, room, ONLINE);
    });
    let refused = false;
    // Each ends in `close`; the session tells people what is wrong with the broker or the account.
    client.on('error', (error) => {
      refused ||= 'code' in error && REFUSALS.includes(Number(error.code));
    });
    client.on('close', () => {
      if (client !== this.#client) return;
      client.end(true);
      this.#client = undefined;
      if (!refused) this.#retry = setTimeout(() => this.#connect(room), RETRY_MS * (0.5 + Math.random()));
    });
  }

  #leave(): void {
    clearTimeout(this.#retry);
    const [client, room] = [this.#client, this.#room];
    this.#client = undefined;
    if (client === undefined || room === undefined) return;
    // Without this word, an end with a good-bye leaves the presence: the broker sends the will only when there was none.
    if (client.connected) this.#say(client, room, '', () => client.end());
    else client.end(true);
  }

  #say(client: MqttClient, room: string, body: string, done: () => void = () => {}): void {
    const topic = memberTopic(room, this.#options.account);
    if (topic !== undefined) client.publish(topic, body, { qos: 1, retain: true }, done);
  }
}

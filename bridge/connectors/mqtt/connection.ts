import type { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';
import { BridgeError } from '../../errors.js';
import type { Connection, Delivery, Endpoint, Sink, SinkSpec, Source, SourceSpec } from '../connector.js';
import { flavourOf } from '../flavours/flavour.js';
import { disconnectError, lostError, place, reasonText } from './errors.js';
import { MqttSink } from './sink.js';
import { MqttSource } from './source.js';

/** What a source or sink needs of the connection that it lives on. */
export interface Wire {
  readonly endpoint: Endpoint;
  readonly client: MqttClient;
  /** Set once the connection is gone. */
  readonly ended: BridgeError | undefined;
  /** True from the DISCONNECT on: nothing may be written after it (MQTT 3.1.1, 3.14.4). */
  readonly isClosing: boolean;
  /** Ends the connection at once; the first reason is the one that `lost` tells. */
  end(reason: BridgeError): void;
  /** Ends the connection behind what is written already, within 2 s; for a broker that has done nothing wrong. */
  endPolitely(reason: BridgeError): void;
  /** The call is made when the connection ends, at once when it has. */
  onEnd(callback: (reason: BridgeError) => void): void;
  /** What is written from now to the end of this turn leaves in one piece. */
  batchWrites(): void;
}

/** MQTT 3.1.1, 3.14; in MQTT 5 it is the short form of a normal disconnection (3.14.2.1). */
const DISCONNECT = Buffer.from([0xe0, 0]);

/** The contract: `close` ends within 2 s. */
const POLITE_MILLISECONDS = 1_500;

/**
 * One MQTT connection and the one mqtt.js client that lives on it. The library's reconnect is off: it would send stored
 * packets again behind the flow's back and acknowledge messages of the last connection on the next.
 */
export class MqttConnection implements Connection, Wire {
  readonly lost: Promise<BridgeError>;
  readonly notes: string[] = [];
  #resolveLost: (reason: BridgeError) => void = () => {};
  #ended: BridgeError | undefined;
  readonly #onEnd: ((reason: BridgeError) => void)[] = [];
  /** There from the start: a resumed session's messages come right after CONNACK, before anybody asked for a source. */
  readonly #intake: MqttSource;
  #role: 'none' | 'source' | 'sink' = 'none';
  #corked = false;
  #closing: Promise<void> | undefined;
  /** Set once we end it: the reason, whatever the library then says. */
  #farewell: BridgeError | undefined;
  #disconnected = false;

  /** Takes over a client that has not been told to connect yet, and the socket that it will use. */
  constructor(
    readonly endpoint: Endpoint,
    readonly client: MqttClient,
    readonly socket: Socket,
  ) {
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
    const endWith = (reason: unknown) => this.end(this.#lostBecause(reason));
    // mqtt.js swallows socket errors that have no code. Its own come as `error`: keep-alive, CONNACK, malformed packets.
    socket.on('error', endWith);
    client.on('error', endWith);
    client.on('close', () => endWith(undefined));
    if (endpoint.mqttVersion === 5)
      client.on('disconnect', (packet) => endWith(disconnectError(packet, endpoint)));
    this.#intake = new MqttSource(this);
  }

  get ended(): BridgeError | undefined {
    return this.#ended;
  }

  get isClosing(): boolean {
    return this.#disconnected;
  }

  end(reason: BridgeError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    // First, so that nobody takes what the dying client says for an answer.
    for (const callback of this.#onEnd.splice(0)) callback(reason);
    this.client.end(true);
    this.socket.destroy();
    this.#resolveLost(reason);
  }

  onEnd(callback: (reason: BridgeError) => void): void {
    if (this.#ended === undefined) this.#onEnd.push(callback);
    else callback(this.#ended);
  }

  batchWrites(): void {
    if (this.#corked || this.#ended !== undefined) return;
    this.#corked = true;
    this.socket.cork();
    setImmediate(() => {
      this.#corked = false;
      this.socket.uncork();
    });
  }

  async source(spec: SourceSpec, onDelivery: (delivery: Delivery) => void): Promise<Source> {
    if (spec.kind !== 'mqtt')
      throw new BridgeError(
        'subscription-refused',
        `${place(this.endpoint)}: a ${spec.kind} cannot be read over MQTT`,
      );
    if (this.#role !== 'none') throw new Error(`this MQTT connection is a ${this.#role} already`);
    if (this.#ended !== undefined) throw this.#ended;
    this.#role = 'source';
    await this.#intake.open(spec.subscriptions, onDelivery);
    return this.#intake;
  }

  async sink(spec: SinkSpec): Promise<Sink> {
    // While a source waits for credit nothing is read, PUBACKs included.
    if (this.#role === 'source') throw new Error('this MQTT connection is a source already');
    if (this.#ended !== undefined) throw this.#ended;
    this.#role = 'sink';
    this.#intake.discard();
    const { writtenVia } = flavourOf(this.endpoint.brokerType).mqtt;
    if (writtenVia !== undefined)
      this.notes.push(
        `over MQTT it acknowledges and throws away what the account may not publish: give the mapping file its ${writtenVia} url, and write MQTT topics via: ${writtenVia}`,
      );
    return new MqttSink(this, spec);
  }

  endPolitely(reason: BridgeError): void {
    this.#closing ??= this.#disconnect(reason);
  }

  async close(): Promise<void> {
    this.endPolitely(lostError(this.endpoint, 'closed by the bridge'));
    await this.#closing;
  }

  /**
   * Says DISCONNECT and leaves it to the broker to close. Our own end of the socket right behind it, as mqtt.js sends it, makes
   * Artemis forget PUBACKs that it has read: of 150 it handed 9 messages over again (2.40.0), and none when it was waited for.
   */
  async #disconnect(reason: BridgeError): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#farewell = reason;
    await this.#intake.stop();
    if (!this.client.connected) {
      this.end(reason);
      return;
    }
    const deadline = setTimeout(() => this.end(reason), POLITE_MILLISECONDS);
    this.#disconnected = true;
    this.client.stream.write(DISCONNECT);
    await this.lost;
    clearTimeout(deadline);
  }

  #lostBecause(reason: unknown): BridgeError {
    return this.#farewell ?? lostError(this.endpoint, reasonText(reason), reason);
  }
}

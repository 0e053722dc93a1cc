import type { IPublishPacket, Packet } from 'mqtt';
import type { Message, Qos } from '../../message/message.js';
import type { Delivery, MqttSubscription, Outcome, Source } from '../connector.js';
import { AckQueue, encodeAcks, type HeldAck } from './ack-queue.js';
import type { Wire } from './connection.js';
import { lostError } from './errors.js';
import { Fifo } from './fifo.js';
import { keepAlive, keepAliveSeconds } from './keep-alive.js';
import { readProperties } from './publish-properties.js';
import { subscribeAll, unsubscribeAll } from './subscribe.js';

/** Bytes of messages handed over and not settled, and as many that wait for the first credit, at most. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

/** In place of a result it tells mqtt.js to send no PUBACK and to read on (5.16.0, handlers/publish.js). */
const NO_ACK = new Error('acknowledged later, by the bridge');

interface Arrived {
  readonly packet: IPublishPacket;
  readonly qos: Qos;
  readonly bytes: number;
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}

/**
 * Takes every PUBLISH of a connection and holds its PUBACK or PUBREC apart, so that mqtt.js reads on while messages are on
 * their way to a sink. Without credit, or with too many bytes held, it lets mqtt.js read nothing more: the broker waits.
 *
 * QoS 2 is at least once across connections: a message whose PUBREC was lost with its connection is handed over again.
 */
export class MqttSource implements Source {
  /** parking: no subscription confirmed yet. discarding: nothing is handed over or acknowledged any more. */
  #stage: 'parking' | 'delivering' | 'discarding' = 'parking';
  #onDelivery: (delivery: Delivery) => void = () => {};
  #credit = 0;
  /** Handed over and not settled. */
  #unsettled = 0;
  /** The most that may be unsettled, as far as the credit has told. */
  #window = 0;
  #delivering = false;
  readonly #waiting = new Fifo<Arrived>();
  #waitingBytes = 0;
  #heldBytes = 0;
  readonly #acks = new AckQueue();
  #flushing = false;
  /** QoS 2 packet ids from their PUBLISH to their PUBREL (MQTT 3.1.1, 4.3.3); at most 65,535, as many as there are. */
  readonly #exactlyOnce = new Map<number, 'held' | 'acknowledged'>();
  /** PUBLISH packets that are of QoS 2, whatever mqtt.js thinks. */
  readonly #qos2 = new WeakSet<Packet>();
  /** Set while mqtt.js reads nothing: the way to let it go on. */
  #readOn: (() => void) | undefined;
  #heardSincePing = false;
  #onFull: () => void = () => {};

  /** To be made before the client connects: a resumed session's messages may come with the CONNACK. */
  constructor(readonly wire: Wire) {
    const { client } = wire;
    client.on('packetreceive', (packet) => this.#look(packet));
    client.handleMessage = (packet, done) => this.#arrive(packet, () => done(NO_ACK));
    wire.onEnd(() => this.#drop());
  }

  /** Subscribes; nothing is handed over before it resolves. Rejects with `subscription-refused` or `connection-lost`. */
  async open(
    subscriptions: readonly MqttSubscription[],
    onDelivery: (delivery: Delivery) => void,
  ): Promise<void> {
    const { client, endpoint } = this.wire;
    this.#onDelivery = onDelivery;
    const seconds = keepAliveSeconds(endpoint);
    this.wire.onEnd(keepAlive(client, seconds, () => this.#wasAlive()));
    // The SUBACKs come behind all that a resumed session has for us. Once that fills the memory meant for it, only
    // credit can bring them; a refusal that is read after that ends the connection.
    const full = new Promise<void>((resolve) => {
      this.#onFull = resolve;
    });
    const confirmed = subscribeAll(this.wire, subscriptions, full);
    await Promise.race([confirmed, full]);
    confirmed.catch((error) => this.wire.end(error));
    if (this.#stage === 'parking') this.#stage = 'delivering';
  }

  grant(credit: number): void {
    this.#credit += credit;
    this.#window = Math.max(this.#window, this.#credit + this.#unsettled);
    this.#deliver();
  }

  readonly unsubscribe = (subscriptions: readonly MqttSubscription[]): Promise<void> =>
    unsubscribeAll(this.wire, subscriptions);

  async stop(): Promise<void> {
    this.discard();
    this.#flush();
  }

  /** From now on messages are read and left unacknowledged; a session that outlives the connection keeps them. */
  discard(): void {
    this.#stage = 'discarding';
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#goOnReading();
  }

  /** Sees every packet before mqtt.js acts on it. */
  #look(packet: Packet): void {
    if (packet.cmd === 'pubrel' && packet.messageId !== undefined) {
      // mqtt.js does not know the message and answers PUBCOMP, which is right: PUBREC said that it is safe.
      this.#exactlyOnce.delete(packet.messageId);
    } else if (packet.cmd === 'publish' && packet.qos === 2) {
      // mqtt.js would send PUBREC at once and hand the message over on PUBREL, from its memory only. As QoS 1 it comes to
      // `handleMessage` now, and the answer is ours.
      this.#qos2.add(packet);
      packet.qos = 1;
    }
  }

  #arrive(packet: IPublishPacket, readOn: () => void): void {
    this.#heardSincePing = true;
    const qos = this.#qos2.has(packet) ? 2 : packet.qos;
    if (this.#stage !== 'discarding' && !(qos === 2 && this.#isKnown(packet))) {
      const bytes = sizeOf(packet);
      this.#waiting.push({ packet, qos, bytes, at: performance.now() });
      this.#waitingBytes += bytes;
      this.#deliver();
    }
    if (this.#mayRead()) readOn();
    else {
      this.#readOn = readOn;
      if (this.#stage === 'parking') this.#onFull();
    }
  }

  /** A QoS 2 PUBLISH may come again until its PUBREL: it is the same message, to be answered again at most. */
  #isKnown({ messageId = 0 }: IPublishPacket): boolean {
    const state = this.#exactlyOnce.get(messageId);
    if (state === 'acknowledged') this.#release(this.#acks.hold(2, messageId));
    if (state === undefined) this.#exactlyOnce.set(messageId, 'held');
    return state !== undefined;
  }

  #mayRead(): boolean {
    switch (this.#stage) {
      case 'parking':
        return this.#waitingBytes < MAX_HELD_BYTES;
      case 'delivering':
        return this.#waiting.length === 0;
      case 'discarding':
        return true;
    }
  }

  #goOnReading(): void {
    const readOn = this.#readOn;
    if (readOn === undefined || !this.#mayRead()) return;
    this.#readOn = undefined;
    readOn();
  }

  #deliver(): void {
    // A delivery that is settled at once comes back to here.
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      while (this.#stage === 'delivering' && this.#mayHandOver()) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        this.#credit--;
        this.#waitingBytes -= next.bytes;
        this.#handOver(next);
      }
    } finally {
      this.#delivering = false;
    }
    this.#goOnReading();
  }

  /**
   * An acknowledgement that waits behind an older one counts like a message on its way: the broker hands both over again when the
   * connection ends, and no more than the window may come twice.
   */
  #mayHandOver(): boolean {
    return this.#credit > 0 && this.#acks.length < this.#window && this.#heldBytes < MAX_HELD_BYTES;
  }

  #handOver({ packet, qos, bytes, at }: Arrived): void {
    this.#heldBytes += bytes;
    this.#unsettled++;
    const ack = qos === 0 ? undefined : this.#acks.hold(qos, packet.messageId ?? 0);
    let settled = false;
    this.#onDelivery({
      message: messageOf(packet, qos, performance.now() - at),
      redelivered: packet.dup,
      settle: (outcome) => {
        if (settled) throw new Error('a delivery is settled exactly once');
        settled = true;
        if (this.wire.ended !== undefined) return;
        this.#heldBytes -= bytes;
        this.#unsettled--;
        if (ack !== undefined) this.#settle(ack, outcome);
        this.#deliver();
      },
    });
  }

  #settle(ack: HeldAck, outcome: Outcome): void {
    if (outcome !== 'released') {
      this.#release(ack);
      return;
    }
    this.wire.endPolitely(
      lostError(
        this.wire.endpoint,
        'ended by the bridge to get a message again: MQTT cannot give back just one',
      ),
    );
  }

  #release(ack: HeldAck): void {
    if (!this.#acks.release(ack) || this.#flushing) return;
    this.#flushing = true;
    // What is settled in the same turn leaves in the same write.
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const acks = this.#acks.takeReleased();
    if (acks.length === 0 || this.wire.ended !== undefined || this.wire.isClosing) return;
    for (const { qos, packetId } of acks) if (qos === 2) this.#exactlyOnce.set(packetId, 'acknowledged');
    this.wire.client.stream.write(encodeAcks(acks));
    this.#deliver();
  }

  /** Messages that come in are a sign of life; while nothing is read there can be none, and the socket must tell. */
  #wasAlive(): boolean {
    const heard = this.#heardSincePing;
    this.#heardSincePing = false;
    return heard || this.#readOn !== undefined;
  }

  /** The connection is gone: its packet ids mean other messages on the next one. */
  #drop(): void {
    this.discard();
    this.#acks.clear();
    this.#exactlyOnce.clear();
  }
}

/** Properties of MQTT 5 take memory as well; with them the packet's own length counts. */
function sizeOf({ payload, topic, properties, length }: IPublishPacket): number {
  const content = payload.length + topic.length;
  return properties === undefined ? content : Math.max(content, length ?? 0);
}

const NO_PROPERTIES = { properties: new Map<string, string>() };

function messageOf(
  { topic, payload, retain, properties }: IPublishPacket,
  qos: Qos,
  waited: number,
): Message {
  return {
    address: { kind: 'mqtt', name: topic },
    body: typeof payload === 'string' ? Buffer.from(payload) : payload,
    persistent: qos > 0,
    qos,
    retained: retain,
    ...(properties === undefined ? NO_PROPERTIES : readProperties(properties, waited)),
  };
}

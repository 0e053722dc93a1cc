import { type IPublishPacket, type MqttClient, Store } from 'mqtt';
import { asBridgeError, BridgeError } from '../../errors.js';
import { renderPattern } from '../../message/address.js';
import type { Message } from '../../message/message.js';
import type { Delivery, Endpoint, MqttSubscription, Outcome, Source } from '../connector.js';
import { AckQueue, type HeldAck, puback, pubrec } from './ack-queue.js';
import { placeOf } from './errors.js';

/** Bytes of payload that may be handed over and unsettled; reading waits beyond it. */
const HELD_BYTES = 32 * 1024 * 1024;
/** SUBSCRIBE packets without an answer at a time. */
const SUBSCRIBE_BATCH = 64;

interface Arrived {
  readonly packet: IPublishPacket;
  /** Lets mqtt.js read on. */
  readonly readOn: () => void;
}

/**
 * One MQTT session's messages. mqtt.js reads on while acknowledgements are held here; it stops reading when credit is used
 * up, and the keep-alive goes on meanwhile.
 */
export class MqttSource implements Source {
  readonly #endpoint: Endpoint;
  readonly #acks = new AckQueue((bytes) => {
    if (this.#alive) this.#client?.stream.write(bytes);
  });
  /** Packet ids of QoS 2 messages whose PUBREC is held: the broker may send them again meanwhile. */
  readonly #heldIds = new Set<number>();
  #client: MqttClient | undefined;
  #onDelivery: ((delivery: Delivery) => void) | undefined;
  #credit = 0;
  #heldBytes = 0;
  #arrivedBytes = 0;
  #alive = true;
  #stopped = false;
  /** Until SUBACK: a session's replay comes before it, and SUBACK is behind it in the same stream. */
  #subscribing = true;
  /** Not yet handed over. After SUBACK at most one more is read, and reading waits for it. */
  #arrived: Arrived[] = [];
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /**
   * For mqtt.js: it puts each QoS 2 PUBLISH here and then sends PUBREC. The message is handed over at once, the PUBREC is
   * held until it is settled, and nothing is kept: so a PUBREL finds nothing and is answered PUBCOMP.
   */
  readonly store: Store = Object.assign(new Store(), {
    put: (packet: IPublishPacket, done: () => void) => {
      this.#arrive({ packet, readOn: () => done() });
      return this.store;
    },
  });

  /** Must be called in the turn in which the client was made: a session's replay can come before `connect`. */
  attach(client: MqttClient): void {
    this.#client = client;
    client.handleMessage = (packet, done) => {
      // An error in place of a result: mqtt.js sends no PUBACK and reads on (seen in 5.16.0, publish.js).
      if (packet.qos === 1) this.#arrive({ packet, readOn: () => done(HELD) });
      else this.#arrive({ packet, readOn: () => done() });
    };
    swallowPubrec(client);
  }

  /** @throws BridgeError `subscription-refused`, `connection-lost` */
  async subscribe(
    subscriptions: readonly MqttSubscription[],
    onDelivery: (delivery: Delivery) => void,
  ): Promise<void> {
    this.#onDelivery = onDelivery;
    const { connectTimeout } = this.#endpoint;
    const limit = setTimeout(() => this.#client?.stream.destroy(), connectTimeout);
    try {
      await this.#subscribeAll(subscriptions);
    } finally {
      clearTimeout(limit);
    }
    this.#subscribing = false;
    this.#serve();
  }

  async #subscribeAll(subscriptions: readonly MqttSubscription[]): Promise<void> {
    for (let at = 0; at < subscriptions.length; at += SUBSCRIBE_BATCH)
      await Promise.all(subscriptions.slice(at, at + SUBSCRIBE_BATCH).map((one) => this.#subscribe(one)));
  }

  grant(credit: number): void {
    this.#credit += credit;
    this.#serve();
  }

  /** What arrives from now on is not acknowledged; a durable session hands it over next time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#acks.flush();
  }

  /** Writes what may be acknowledged now, before the connection ends. */
  flush(): void {
    this.#acks.flush();
  }

  /** The connection is gone: held acknowledgements are worth nothing any more. */
  lose(): void {
    this.#alive = false;
    this.#arrived = [];
    clearInterval(this.#keepAlive);
  }

  async #subscribe({ pattern, qos }: MqttSubscription): Promise<void> {
    const filter = renderPattern(pattern, { one: '+', rest: '#' });
    const client = this.#client;
    if (client === undefined || !this.#alive)
      throw new BridgeError('connection-lost', `the connection to ${placeOf(this.#endpoint)} is gone`);
    // One SUBSCRIBE a filter: in a shared packet a refused filter hides what was granted to the others.
    const granted = await client.subscribeAsync(filter, { qos }).catch((cause: unknown) => {
      if (!this.#alive) throw asBridgeError(cause, 'connection-lost');
      throw new BridgeError(
        'subscription-refused',
        `${placeOf(this.#endpoint)} refuses the subscription to ${JSON.stringify(filter)}`,
        { cause },
      );
    });
    const lowest = Math.min(...granted.map((one) => one.qos));
    if (lowest < qos)
      throw new BridgeError(
        'subscription-refused',
        `${placeOf(this.#endpoint)} grants only QoS ${lowest} for ${JSON.stringify(filter)}; the rule asks for ${qos}`,
      );
  }

  #arrive(arrived: Arrived): void {
    if (this.#subscribing && this.#arrivedBytes <= HELD_BYTES) {
      this.#arrivedBytes += arrived.packet.payload.length;
      this.#arrived.push({ packet: arrived.packet, readOn: () => {} });
      arrived.readOn();
      return;
    }
    this.#arrived.push(arrived);
    this.#serve();
    if (this.#arrived.length > 0) this.#keepAliveWhileWaiting();
  }

  /** Hands over what waits, as far as credit goes; reading on brings the next. */
  #serve(): void {
    while (this.#credit > 0 && this.#heldBytes <= HELD_BYTES) {
      if (this.#subscribing || this.#stopped || this.#onDelivery === undefined) return;
      const next = this.#arrived.shift();
      if (next === undefined) return;
      if (this.#arrived.length === 0) this.#stopKeepAlive();
      const { packet, readOn } = next;
      const isHeldAlready = packet.qos === 2 && this.#heldIds.has(packet.messageId ?? 0);
      if (!isHeldAlready) this.#handOver(packet, this.#onDelivery);
      readOn();
    }
  }

  #handOver(packet: IPublishPacket, onDelivery: (delivery: Delivery) => void): void {
    const ack = this.#hold(packet);
    const size = packet.payload.length;
    this.#credit--;
    this.#heldBytes += size;
    let settled = false;
    onDelivery({
      message: messageOf(packet),
      redelivered: packet.dup,
      settle: (outcome: Outcome) => {
        if (settled) throw new Error('a delivery is settled exactly once');
        settled = true;
        this.#heldBytes -= size;
        if (!this.#alive) return;
        // MQTT has no way to take one message back: the session hands it over again on the next connection.
        if (outcome === 'released') this.#client?.stream.destroy();
        else ack?.ready();
        this.#serve();
      },
    });
  }

  #hold({ qos, messageId = 0 }: IPublishPacket): HeldAck | undefined {
    if (qos === 0) return undefined;
    if (qos === 1) return this.#acks.hold(puback(messageId));
    this.#heldIds.add(messageId);
    const ack = this.#acks.hold(pubrec(messageId));
    return {
      ready: () => {
        this.#heldIds.delete(messageId);
        ack.ready();
      },
    };
  }

  /** While reading waits, PINGRESP is not read either; without this the client would think that the broker is gone. */
  #keepAliveWhileWaiting(): void {
    this.#keepAlive ??= setInterval(() => {
      this.#client?.sendPing();
      this.#client?.reschedulePing(true);
    }, this.#endpoint.idleTimeout / 2);
  }

  #stopKeepAlive(): void {
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }
}

const HELD = new Error('the acknowledgement is held until the message is safe');

/** mqtt.js would send PUBREC as soon as the store took the message; the source sends it when the message is safe. */
function swallowPubrec(client: MqttClient): void {
  const inside = client as unknown as {
    _sendPacket(packet: { cmd: string }, done?: () => void, ...rest: unknown[]): void;
  };
  const send = inside._sendPacket.bind(client);
  inside._sendPacket = (packet, done, ...rest) => {
    if (packet.cmd === 'pubrec') done?.();
    else send(packet, done, ...rest);
  };
}

function messageOf({ topic, payload, qos, retain }: IPublishPacket): Message {
  return {
    address: { kind: 'mqtt', name: topic },
    body: typeof payload === 'string' ? Buffer.from(payload) : payload,
    properties: new Map(),
    persistent: qos > 0,
    qos,
    retained: retain,
  };
}

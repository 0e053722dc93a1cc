import { BridgeError } from '../../errors.js';
import { describeAddress } from '../../message/address.js';
import type { OutboundMessage } from '../../message/message.js';
import type { Sink, SinkSpec } from '../connector.js';
import { flavourOf, type MqttFlavour } from '../flavours/flavour.js';
import type { Wire } from './connection.js';
import { lostError, place, publishError } from './errors.js';
import { Fifo } from './fifo.js';
import { checkLimits, type Limits, limitsOf } from './limits.js';
import { type PublishProperties, propertiesBytes, writeProperties } from './publish-properties.js';
import { checkSize, checkTopic } from './topic.js';

/** One call of `send`: waiting for room in the window, then published, then settled. */
interface Send {
  readonly message: OutboundMessage;
  readonly payload: Buffer;
  readonly properties: PublishProperties | undefined;
  readonly settle: (error?: BridgeError) => void;
  state: 'waiting' | 'published' | 'settled';
  timer?: NodeJS.Timeout;
}

/**
 * Publishes with many packets unanswered. QoS 0 is done when written, 1 on PUBACK, 2 on PUBCOMP. Holds as many messages as
 * its callers have sends open: they bound what waits here. On ActiveMQ Classic a PUBACK is no proof of permission: it
 * acknowledges and discards what the account may not write. Over MQTT 3.1.1 properties, correlation id, reply address and time
 * to live stay behind: a packet has no place for them.
 *
 * Where the broker does not keep the order of unanswered publishes, a topic has one at a time; the topics go side by side.
 */
export class MqttSink implements Sink {
  readonly #window: number;
  readonly #waiting = new Fifo<Send>();
  readonly #published = new Set<Send>();
  /** One at a time: the topics that have a publish without an answer, each with the sends that wait behind it. */
  readonly #behind = new Map<string, { readonly sends: Fifo<Send>; advancing: boolean }>();
  readonly #flavour: MqttFlavour;
  readonly #limits: Limits;
  #pumping = false;
  /** Given up, yet their packet ids stay taken: an id that is used again would take the late answer for its own. */
  #unanswered = 0;

  constructor(
    readonly wire: Wire,
    readonly spec: SinkSpec,
  ) {
    this.#flavour = flavourOf(wire.endpoint.brokerType).mqtt;
    // mqtt.js reads the limits and keeps none of them (5.16.0).
    this.#limits = limitsOf(wire.client.serverProperties);
    this.#window = Math.max(1, Math.min(spec.window, this.#limits.window));
    wire.onEnd((reason) => this.#rejectAll(reason));
  }

  async send(message: OutboundMessage): Promise<void> {
    checkTopic(message.to, this.#flavour);
    const payload = typeof message.body === 'string' ? Buffer.from(message.body) : message.body;
    const properties = this.#propertiesFor(message, payload);
    const { ended } = this.wire;
    if (ended !== undefined) throw lostBy(ended);
    // mqtt.js would keep it for a next connection that never comes.
    if (!this.wire.client.connected || this.wire.isClosing)
      throw lostError(this.wire.endpoint, 'the connection is closing');
    return new Promise((resolve, reject) => {
      const send: Send = {
        message,
        payload,
        properties,
        state: 'waiting',
        settle: (error) => {
          clearTimeout(send.timer);
          send.state = 'settled';
          this.#published.delete(send);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#waiting.push(send);
      this.#pump();
    });
  }

  /** What MQTT 5 says besides the payload; with that, everything about the packet that can be judged here is. */
  #propertiesFor(message: OutboundMessage, payload: Buffer): PublishProperties | undefined {
    if (this.wire.endpoint.mqttVersion !== 5) {
      checkSize(message.to, payload);
      return undefined;
    }
    const properties = writeProperties(message, this.#flavour);
    const added = propertiesBytes(properties);
    checkSize(message.to, payload, added);
    checkLimits(message, added + payload.length, this.#limits);
    return properties;
  }

  #pump(): void {
    // mqtt.js answers QoS 0 in the call: without this each message would be a level deeper in the stack.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#published.size + this.#unanswered < this.#window && !this.wire.isClosing) {
      const send = this.#waiting.shift();
      if (send === undefined) break;
      if (send.state !== 'waiting') continue;
      const behind = this.#behind.get(send.message.to.name);
      if (behind === undefined) this.#publish(send);
      else behind.sends.push(send);
    }
    this.#pumping = false;
  }

  #publish(send: Send): void {
    send.state = 'published';
    send.timer = setTimeout(() => this.#timeOut(send), this.spec.sendTimeout);
    this.#published.add(send);
    this.wire.batchWrites();
    const { to, qos, retain } = send.message;
    if (!this.#flavour.keepsPublishOrder && !this.#behind.has(to.name))
      this.#behind.set(to.name, { sends: new Fifo(), advancing: false });
    const options = {
      qos,
      retain,
      ...(send.properties === undefined ? {} : { properties: send.properties }),
    };
    this.wire.client.publish(to.name, send.payload, options, (error, answer) => {
      if (this.wire.ended !== undefined) return;
      if (send.state === 'settled') this.#unanswered--;
      else send.settle(error ? publishError(this.wire.endpoint, to, error, answer) : undefined);
      this.#publishNext(to.name);
      this.#pump();
    });
  }

  /** The topic's last publish has its answer. */
  #publishNext(topic: string): void {
    const behind = this.#behind.get(topic);
    if (behind === undefined || behind.advancing) return;
    behind.advancing = true;
    let next = behind.sends.shift();
    while (next !== undefined && !this.wire.isClosing) {
      if (next.state === 'waiting') this.#publish(next);
      if (next.state === 'published') break;
      next = behind.sends.shift();
    }
    behind.advancing = false;
    if (next === undefined) this.#behind.delete(topic);
  }

  #timeOut(send: Send): void {
    this.#unanswered++;
    const { to } = send.message;
    send.settle(
      new BridgeError(
        'send-timeout',
        `${place(this.wire.endpoint)}: no answer within ${this.spec.sendTimeout} ms to a message for ${describeAddress(to)}`,
      ),
    );
    // Nothing can be sent any more on this connection, and an answer never comes twice (MQTT 3.1.1, 4.4).
    if (this.#unanswered >= this.#window)
      this.wire.end(lostError(this.wire.endpoint, 'the broker answers no message any more'));
  }

  #rejectAll(reason: BridgeError): void {
    for (const send of [...this.#published]) send.settle(lostBy(reason));
    for (const queue of [...[...this.#behind.values()].map(({ sends }) => sends), this.#waiting])
      for (let send = queue.shift(); send !== undefined; send = queue.shift())
        if (send.state === 'waiting') send.settle(lostBy(reason));
  }
}

/** An error of its own for each send, so that nobody shares one. */
function lostBy(reason: BridgeError): BridgeError {
  return new BridgeError('connection-lost', reason.message, { cause: reason });
}

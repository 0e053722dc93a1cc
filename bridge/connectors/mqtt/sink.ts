import { BridgeError } from '../../errors.js';
import { describeAddress } from '../../message/address.js';
import type { OutboundMessage } from '../../message/message.js';
import type { Sink, SinkSpec } from '../connector.js';
import { flavourOf, type MqttFlavour } from '../flavours/flavour.js';
import type { Wire } from './connection.js';
import { lostError, place } from './errors.js';
import { Fifo } from './fifo.js';
import { checkSize, checkTopic } from './topic.js';

/** There are no more packet ids (MQTT 3.1.1, 2.3.1). */
const MAX_WINDOW = 65_535;

/** One call of `send`: waiting for room in the window, then published, then settled. */
interface Send {
  readonly message: OutboundMessage;
  readonly payload: Buffer;
  readonly settle: (error?: BridgeError) => void;
  state: 'waiting' | 'published' | 'settled';
  timer?: NodeJS.Timeout;
}

/**
 * Publishes with many packets unanswered. QoS 0 is done when written, 1 on PUBACK, 2 on PUBCOMP. Holds as many messages as
 * its callers have sends open: they bound what waits here. On ActiveMQ Classic a PUBACK is no proof of permission: it
 * acknowledges and discards what the account may not write.
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
  #pumping = false;
  /** Given up, yet their packet ids stay taken: an id that is used again would take the late answer for its own. */
  #unanswered = 0;

  constructor(
    readonly wire: Wire,
    readonly spec: SinkSpec,
  ) {
    this.#window = Math.max(1, Math.min(spec.window, MAX_WINDOW));
    this.#flavour = flavourOf(wire.endpoint.brokerType).mqtt;
    wire.onEnd((reason) => this.#rejectAll(reason));
  }

  async send(message: OutboundMessage): Promise<void> {
    checkTopic(message.to, this.#flavour);
    const payload = typeof message.body === 'string' ? Buffer.from(message.body) : message.body;
    checkSize(message.to, payload);
    const { ended } = this.wire;
    if (ended !== undefined) throw lostBy(ended);
    // mqtt.js would keep it for a next connection that never comes.
    if (!this.wire.client.connected || this.wire.isClosing)
      throw lostError(this.wire.endpoint, 'the connection is closing');
    return new Promise((resolve, reject) => {
      const send: Send = {
        message,
        payload,
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
    this.wire.client.publish(to.name, send.payload, { qos, retain }, (error) => {
      if (this.wire.ended !== undefined) return;
      if (send.state === 'settled') this.#unanswered--;
      else send.settle(error ? lostError(this.wire.endpoint, error.message, error) : undefined);
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

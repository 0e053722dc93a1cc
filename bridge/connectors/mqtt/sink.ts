import type { MqttClient } from 'mqtt';
import { asBridgeError, BridgeError } from '../../errors.js';
import type { OutboundMessage } from '../../message/message.js';
import type { Endpoint, Sink, SinkSpec } from '../connector.js';
import { placeOf } from './errors.js';

/** MQTT 3.1.1 section 4.7.3. */
const LONGEST_TOPIC = 65_535;

interface Pending {
  readonly message: OutboundMessage;
  readonly resolve: () => void;
  readonly reject: (error: BridgeError) => void;
  /** Undefined until it was published. */
  deadline?: number;
}

/** Publishes, at most `window` without an answer. What waits beyond it is bounded by the flow's credit. */
export class MqttSink implements Sink {
  readonly #client: MqttClient;
  readonly #endpoint: Endpoint;
  readonly #spec: SinkSpec;
  readonly #published = new Set<Pending>();
  #waiting: Pending[] = [];
  #reason: BridgeError | undefined;
  readonly #sweep: NodeJS.Timeout;

  constructor(client: MqttClient, endpoint: Endpoint, spec: SinkSpec) {
    this.#client = client;
    this.#endpoint = endpoint;
    this.#spec = spec;
    this.#sweep = setInterval(() => this.#expire(), Math.max(50, spec.sendTimeout / 10)).unref();
  }

  send(message: OutboundMessage): Promise<void> {
    const unfit = unfitTopic(message.to.name);
    if (unfit !== undefined) return Promise.reject(new BridgeError('destination-refused', unfit));
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) {
        reject(this.#reason);
        return;
      }
      this.#waiting.push({ message, resolve, reject });
      this.#pump();
    });
  }

  /** Published and not yet answered. */
  get outstanding(): number {
    return this.#published.size;
  }

  /** The connection is gone: mqtt.js never calls back for what was pending, so every send is refused here. */
  lose(reason: BridgeError): void {
    this.#reason = reason;
    clearInterval(this.#sweep);
    const pending = [...this.#published, ...this.#waiting];
    this.#published.clear();
    this.#waiting = [];
    for (const { reject } of pending) reject(reason);
  }

  #pump(): void {
    const free = this.#spec.window - this.#published.size;
    for (const pending of this.#waiting.splice(0, Math.max(0, free))) this.#publish(pending);
  }

  #publish(pending: Pending): void {
    const { to, body, qos, retain } = pending.message;
    pending.deadline = Date.now() + this.#spec.sendTimeout;
    this.#published.add(pending);
    this.#client.publish(to.name, body, { qos, retain }, (error) => {
      // Answered before by a timeout or a loss.
      if (!this.#published.delete(pending)) return;
      if (error) pending.reject(asBridgeError(error, 'connection-lost'));
      else pending.resolve();
      this.#pump();
    });
  }

  /** Every send has the same time limit, so the oldest stands first. */
  #expire(): void {
    const now = Date.now();
    for (const pending of this.#published) {
      if ((pending.deadline ?? now) > now) return;
      this.#published.delete(pending);
      const text = `${placeOf(this.#endpoint)} did not answer within ${this.#spec.sendTimeout} ms`;
      pending.reject(new BridgeError('send-timeout', text));
    }
  }
}

/** What is wrong with a topic name to publish to (MQTT 3.1.1 section 4.7), if anything. */
function unfitTopic(topic: string): string | undefined {
  const shown = JSON.stringify(topic.slice(0, 80));
  if (topic === '') return 'a topic name must not be empty';
  if (/[+#]/.test(topic)) return `the topic ${shown} holds + or #, which only filters may`;
  if (topic.includes('\u0000')) return `the topic ${shown} holds a NUL`;
  if (Buffer.byteLength(topic) > LONGEST_TOPIC)
    return `the topic ${shown}… is longer than ${LONGEST_TOPIC} bytes`;
  return undefined;
}

import { BridgeError } from '../../errors.js';
import { type AddressPattern, takes } from '../../message/address.js';
import type { Message, OutboundMessage } from '../../message/message.js';
import type {
  Connect,
  Connection,
  Delivery,
  Endpoint,
  MqttSubscription,
  Outcome,
  Sink,
  SourceSpec,
} from '../connector.js';

interface Stored {
  readonly message: Message;
  handedOver: boolean;
}

/** One subscription's messages. Queues by name; MQTT and topics by client id, kept while the client is away. */
interface Store {
  readonly patterns: readonly AddressPattern[];
  readonly waiting: Stored[];
  serve: () => void;
}

/**
 * A broker inside the process that keeps the connector contract to the letter: the reference for the contract suite, and
 * what flow tests run on. Not for production: it holds everything in memory without a limit.
 */
export class MemoryBroker {
  readonly #stores = new Map<string, Store>();
  readonly #connections = new Set<() => void>();
  /** Asked before each send; an error it returns is the answer. For tests of faults. */
  refuse: (message: OutboundMessage) => BridgeError | undefined = () => undefined;
  /** Told of each settlement that reaches the broker. For tests of when that is. */
  onSettled: (message: Message, outcome: Outcome) => void = () => {};
  /** Told of each end of subscriptions. */
  onUnsubscribed: (subscriptions: readonly MqttSubscription[]) => void = () => {};
  /** While true, connecting fails. */
  down = false;

  /** The connector's way in, like `connectMqtt`. */
  readonly connect: Connect = async (endpoint) => {
    if (this.down) throw new BridgeError('connection-failed', `${endpoint.broker} is down`);
    return this.#open(endpoint);
  };

  /** Ends every connection, as a broker does that dies. */
  dropConnections(): void {
    for (const drop of [...this.#connections]) drop();
  }

  /** Puts a message where its subscriptions are. A queue without a consumer keeps it. */
  publish(message: Message): void {
    const { kind, name } = message.address;
    if (kind === 'queue') this.#queue(name);
    for (const store of this.#stores.values()) {
      if (!store.patterns.some((pattern) => pattern.kind === kind && takes(pattern, name))) continue;
      store.waiting.push({ message, handedOver: false });
      store.serve();
    }
  }

  #queue(name: string): void {
    const pattern: AddressPattern = {
      kind: 'queue',
      levels: name.split('.').map((literal) => ({ literal })),
    };
    this.#store(queueKey(pattern), [pattern]);
  }

  #store(key: string, patterns: readonly AddressPattern[]): Store {
    let store = this.#stores.get(key);
    if (store === undefined) {
      store = { patterns, waiting: [], serve: () => {} };
      this.#stores.set(key, store);
    }
    return store;
  }

  #open(endpoint: Endpoint): Connection {
    let alive = true;
    const requeue: (() => void)[] = [];
    let resolveLost: (reason: BridgeError) => void = () => {};
    const lost = new Promise<BridgeError>((resolve) => {
      resolveLost = resolve;
    });
    const end = (text: string) => {
      if (!alive) return;
      alive = false;
      this.#connections.delete(drop);
      for (const back of requeue) back();
      resolveLost(new BridgeError('connection-lost', text));
    };
    const drop = () => end('the broker dropped the connection');
    this.#connections.add(drop);

    return {
      lost,
      source: async (spec, onDelivery) => {
        const patterns =
          spec.kind === 'mqtt' ? spec.subscriptions.map(({ pattern }) => pattern) : [spec.pattern];
        const store = this.#store(storeKey(spec, endpoint.clientId), patterns);
        const held = new Set<Stored>();
        let credit = 0;
        let stopped = false;
        const handOver = (stored: Stored) => {
          held.add(stored);
          const redelivered = stored.handedOver;
          stored.handedOver = true;
          onDelivery(
            deliveryOf(stored.message, redelivered, (outcome) => {
              if (!alive) return;
              held.delete(stored);
              this.onSettled(stored.message, outcome);
              if (outcome !== 'released') return;
              store.waiting.unshift(stored);
              store.serve();
            }),
          );
        };
        store.serve = () => {
          while (alive && !stopped && credit > 0) {
            const next = store.waiting.shift();
            if (next === undefined) return;
            credit--;
            handOver(next);
          }
        };
        requeue.push(() => store.waiting.unshift(...held));
        return {
          grant(more) {
            credit += more;
            queueMicrotask(store.serve);
          },
          unsubscribe: async (subscriptions) => {
            this.onUnsubscribed(subscriptions);
          },
          async stop() {
            stopped = true;
          },
        };
      },
      sink: async (): Promise<Sink> => ({
        send: async (message) => {
          await Promise.resolve();
          if (!alive) throw new BridgeError('connection-lost', 'the connection is gone');
          const error = this.refuse(message);
          if (error !== undefined) throw error;
          this.publish(received(message));
        },
      }),
      async close() {
        end('closed by the bridge');
      },
    };
  }
}

function deliveryOf(message: Message, redelivered: boolean, settled: (outcome: Outcome) => void): Delivery {
  let done = false;
  return {
    message,
    redelivered,
    settle(outcome) {
      if (done) throw new Error('a delivery is settled exactly once');
      done = true;
      settled(outcome);
    },
  };
}

function received({ to, qos, timestamp, ...rest }: OutboundMessage): Message {
  return { ...rest, address: to, timestamp, retained: false, ...(to.kind === 'mqtt' ? { qos } : {}) };
}

function storeKey(spec: SourceSpec, clientId: string): string {
  if (spec.kind === 'mqtt') return `mqtt ${clientId}`;
  if (spec.kind === 'queue') return queueKey(spec.pattern);
  return `topic ${JSON.stringify(spec.pattern.levels)} ${clientId} ${spec.durable ?? ''}`;
}

function queueKey(pattern: AddressPattern): string {
  return `queue ${JSON.stringify(pattern.levels)}`;
}

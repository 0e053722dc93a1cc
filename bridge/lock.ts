import { randomBytes } from 'node:crypto';
import type { BrokerConfig } from './config/config.js';
import { lockQueue } from './config/lock-place.js';
import type { Connection, Delivery, Protocol, Sink } from './connectors/connector.js';
import { Supervisor } from './connectors/supervisor.js';
import { CONNECT, endpointOf } from './endpoints.js';
import { asBridgeError } from './errors.js';
import type { Log } from './observability/log.js';
import { parsePattern } from './routing/pattern.js';
import type { ConnectionStatus, LockStatus } from './status.js';

/** Milliseconds between two knocks of one bridge: how long a new holder waits at most to hear that it is one. */
const EVERY = 500;
/**
 * Milliseconds without a knock after which whoever held the lock gives it up. A broker takes a silent peer for gone later than that
 * (endpoints.ts), so the next holder begins when this one has ended.
 */
const LEASE = 10_000;
/** Knocks that the broker may send ahead: those of more bridges than anybody runs. */
const WINDOW = 100;
/** Milliseconds for the broker's confirm of one knock. */
const SEND_TIMEOUT = LEASE;
/** JMS property that the consumers select by, so that they take nothing that somebody else put there. */
const MARK = 'bridge_lock';

export interface LockOptions {
  readonly broker: BrokerConfig;
  readonly protocol: Protocol;
  /** It is ours alone now, as far as anybody can tell. */
  readonly onGained: () => void;
  /** It may be somebody else's. */
  readonly onLost: () => void;
  readonly log: Log;
}

/**
 * A lock in a broker, which one of many bridges has at a time. Each of them sends small messages (knocks) of one message group to one
 * queue and reads that queue: a broker hands all messages of a group to one consumer, and to another one when that is gone (JMSXGroupID;
 * both ActiveMQ do that, where an exclusive consumer is a setting of the consumer on Classic and of the queue on Artemis). Whoever is
 * knocked at holds the lock. Nothing of it is stored: a broker that starts anew chooses anew.
 */
export class Lock {
  readonly #options: LockOptions;
  readonly #queue: string;
  readonly #connection: Supervisor;
  #sink: Sink | undefined;
  #isSending = false;
  #isHeld = false;
  #since = Date.now();
  /** Milliseconds on the monotonic clock. */
  #lastKnock = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LockOptions) {
    const { broker, protocol, log } = options;
    this.#options = options;
    this.#queue = lockQueue(broker.clientId);
    this.#connection = new Supervisor({
      name: `lock on ${broker.name}`,
      // Unlike all others a name of this process alone: the bridges that share the lock share all their settings.
      endpoint: endpointOf(broker, protocol, {
        clientId: `${broker.clientId}:lock:${randomBytes(6).toString('hex')}`,
        cleanSession: true,
      }),
      connect: CONNECT[protocol],
      onUp: (connection) => this.#open(connection),
      onDown: () => {
        this.#sink = undefined;
        this.#lose('its connection is gone');
      },
      log,
    });
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#beat(), EVERY);
    this.#connection.start();
  }

  /** Gives it up, for the next one to have at once; `onLost` is not called. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#enter(false);
    await this.#connection.stop();
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  status(): LockStatus {
    const { broker, protocol } = this.#options;
    return {
      broker: broker.name,
      protocol,
      address: `queue ${this.#queue}`,
      state: this.#isHeld ? 'held' : 'waiting',
      since: new Date(this.#since).toISOString(),
    };
  }

  connection(): ConnectionStatus {
    return this.#connection.status();
  }

  async #open(connection: Connection): Promise<void> {
    const sink = await connection.sink({ sendTimeout: SEND_TIMEOUT, window: 1, evenIfUnreadable: true });
    const source = await connection.source(
      {
        kind: 'queue',
        pattern: parsePattern('queue', this.#queue),
        window: WINDOW,
        selector: `${MARK} = '${this.#options.broker.clientId}'`,
      },
      (delivery) => {
        this.#knocked(delivery);
        source.grant(1);
      },
    );
    source.grant(WINDOW);
    // Not before it is read, too: nothing is to pile up there. So a knock needs no time to live, after which some brokers would keep it.
    this.#sink = sink;
    this.#beat();
  }

  #knocked({ settle }: Delivery): void {
    settle('accepted');
    this.#lastKnock = performance.now();
    if (this.#isHeld || this.#timer === undefined) return;
    this.#enter(true);
    const { broker, protocol, log, onGained } = this.#options;
    log.info('lock.gained', { broker: broker.name, protocol, queue: this.#queue });
    onGained();
  }

  #beat(): void {
    if (performance.now() - this.#lastKnock > LEASE)
      this.#lose(`nothing has come over it for ${LEASE / 1_000} s`);
    const sink = this.#sink;
    if (sink === undefined || this.#isSending) return;
    this.#isSending = true;
    void this.#knock(sink).finally(() => {
      this.#isSending = false;
    });
  }

  async #knock(sink: Sink): Promise<void> {
    const { clientId } = this.#options.broker;
    try {
      await sink.send({
        to: { kind: 'queue', name: this.#queue },
        body: '',
        properties: new Map([[MARK, clientId]]),
        group: clientId,
        persistent: false,
        id: `ID:lock-${randomBytes(8).toString('hex')}`,
        timestamp: Date.now(),
        qos: 1,
        retain: false,
      });
    } catch (error) {
      const { code, message } = asBridgeError(error, 'connection-lost');
      this.#options.log.warn('lock.knock-failed', {
        broker: this.#options.broker.name,
        code,
        reason: message,
      });
      if (code === 'send-timeout' && sink === this.#sink) this.#connection.replace();
    }
  }

  #lose(reason: string): void {
    if (!this.#isHeld) return;
    this.#enter(false);
    const { broker, protocol, log, onLost } = this.#options;
    log.warn('lock.lost', { broker: broker.name, protocol, queue: this.#queue, reason });
    onLost();
  }

  #enter(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    this.#since = Date.now();
  }
}

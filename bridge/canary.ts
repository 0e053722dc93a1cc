import { randomBytes } from 'node:crypto';
import { canaryAddress, canaryClientId } from './config/canary-place.js';
import type { BrokerConfig } from './config/config.js';
import type { Connect, Connection, Delivery, Protocol, Sink, SourceSpec } from './connectors/connector.js';
import { Supervisor } from './connectors/supervisor.js';
import { endpointOf } from './endpoints.js';
import { asBridgeError, type BridgeError } from './errors.js';
import { type Address, describeAddress } from './message/address.js';
import type { Log } from './observability/log.js';
import { parsePattern } from './routing/pattern.js';
import type { CanaryStatus, Reason } from './status.js';

/** Milliseconds for the broker's confirm of one canary. */
const SEND_TIMEOUT = 30_000;
/** Canaries that are waited for at a time; of more the oldest is given up. */
const MOST_AWAITED = 8;
/** What a source may hand over at a time: old canaries that a bridge left behind when it was killed. */
const WINDOW = 10;
/** A canary is late when none came back for so many times the time between two. */
const LATE_AFTER = 3;
/**
 * Milliseconds after which a broker throws away a canary that no bridge comes back for. Not sooner: what expires goes to a queue
 * for that on some brokers, and a bridge that comes back takes it away without a trace.
 */
const LIFETIME = 3_600_000;
/** JMS property; the sources select by it, so that they take nothing that somebody else put there. */
const MARK = 'bridge_canary';

export interface CanaryOptions {
  readonly broker: BrokerConfig;
  readonly protocol: Protocol;
  /** Milliseconds between two. */
  readonly every: number;
  readonly connect: Connect;
  readonly log: Log;
}

/**
 * A small message that goes to a broker and comes back, again and again, over one protocol: the proof that the broker stores and hands
 * over, where open connections and an absence of messages prove nothing. Its connections are its own.
 */
export class Canary {
  readonly #options: CanaryOptions;
  readonly #address: Address;
  readonly #source: Supervisor;
  readonly #sink: Supervisor;
  readonly #prefix = `${randomBytes(6).toString('hex')}-`;
  /** Those that were sent, oldest first, and when: milliseconds on the monotonic clock. */
  readonly #awaited = new Map<string, number>();
  #count = 0;
  #open: Sink | undefined;
  #isListening = false;
  #isSending = false;
  #problem: BridgeError | undefined;
  /** When the last one came back, at first when the canary began; milliseconds on the monotonic clock. */
  #lastBack = performance.now();
  #last: { readonly roundTripMs: number; readonly lastBack: string } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #toldLate = false;

  constructor(options: CanaryOptions) {
    const { broker, protocol, connect, log } = options;
    this.#options = options;
    this.#address = canaryAddress(broker.clientId, protocol);
    const supervise = (
      end: 'source' | 'sink',
      onUp: (connection: Connection) => Promise<void>,
      onDown: () => void,
    ) =>
      new Supervisor({
        name: `canary of ${broker.name} over ${protocol}, ${end}`,
        endpoint: endpointOf(broker, protocol, {
          clientId: canaryClientId(broker.clientId, protocol, end),
          cleanSession: true,
        }),
        connect,
        log,
        onUp,
        onDown,
      });
    this.#source = supervise(
      'source',
      (connection) => this.#listen(connection),
      () => {
        this.#isListening = false;
      },
    );
    this.#sink = supervise(
      'sink',
      async (connection) => {
        this.#open = await connection.sink({ sendTimeout: SEND_TIMEOUT, window: 1, evenIfUnreadable: true });
        this.#beat();
      },
      () => {
        this.#open = undefined;
      },
    );
  }

  start(): void {
    this.#lastBack = performance.now();
    this.#timer ??= setInterval(() => this.#beat(), this.#options.every);
    this.#source.start();
    this.#sink.start();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sink.stop();
    await this.#source.stop();
  }

  status(): CanaryStatus {
    const { broker, protocol, every } = this.#options;
    const silence = performance.now() - this.#lastBack;
    const isLate = silence > LATE_AFTER * every;
    return {
      broker: broker.name,
      protocol,
      address: describeAddress(this.#address),
      state: isLate ? 'late' : this.#last === undefined ? 'starting' : 'back',
      ...this.#last,
      ...(isLate ? { reason: this.#reason(silence) } : {}),
    };
  }

  async #listen(connection: Connection): Promise<void> {
    const source = await connection.source(this.#spec(), (delivery) => {
      this.#arrive(delivery);
      source.grant(1);
    });
    source.grant(WINDOW);
    this.#isListening = true;
    this.#beat();
  }

  #spec(): SourceSpec {
    const { kind, name } = this.#address;
    const pattern = parsePattern(kind, name);
    if (kind === 'mqtt') return { kind, subscriptions: [{ pattern, qos: 1 }] };
    return { kind, pattern, window: WINDOW, selector: `${MARK} IS NOT NULL` };
  }

  #arrive({ message, settle }: Delivery): void {
    settle('accepted');
    const id = String(message.body);
    const sent = this.#awaited.get(id);
    if (sent === undefined) return;
    const now = performance.now();
    // Those before it are lost or will be late; neither is of interest any more.
    for (const older of [...this.#awaited.keys()]) {
      this.#awaited.delete(older);
      if (older === id) break;
    }
    this.#lastBack = now;
    this.#last = { roundTripMs: Math.round(now - sent), lastBack: new Date().toISOString() };
    this.#tell();
  }

  #beat(): void {
    this.#tell();
    const sink = this.#open;
    if (sink === undefined || !this.#isListening || this.#isSending) return;
    const id = `${this.#prefix}${++this.#count}`;
    this.#awaited.set(id, performance.now());
    const [oldest] = this.#awaited.keys();
    if (this.#awaited.size > MOST_AWAITED && oldest !== undefined) this.#awaited.delete(oldest);
    this.#isSending = true;
    void this.#send(sink, id).finally(() => {
      this.#isSending = false;
    });
  }

  async #send(sink: Sink, id: string): Promise<void> {
    try {
      await sink.send({
        to: this.#address,
        body: id,
        properties: new Map([[MARK, id]]),
        // As the messages of most rules: what it proves is that the broker stores them.
        persistent: true,
        timestamp: Date.now(),
        id: `ID:canary-${id}`,
        ttl: LIFETIME,
        qos: 1,
        retain: false,
      });
      this.#problem = undefined;
    } catch (error) {
      this.#problem = asBridgeError(error, 'connection-lost');
      if (this.#problem.code === 'send-timeout') this.#sink.replace();
    }
  }

  #reason(silence: number): Reason {
    const place = describeAddress(this.#address);
    const problem = this.#problem;
    const isRefused = problem?.transient === false;
    // A broker that refuses a message may end the connection over it, too.
    const known = isRefused ? problem : (this.#connectionReason() ?? problem);
    const needsRight = isRefused || known?.code === 'subscription-refused';
    const advice = needsRight ? `; the account needs the rights to read and write ${place}` : '';
    const message = `no canary has come back from ${place} for ${Math.round(silence / 1000)} s: ${known?.message ?? this.#whatIsMissing()}${advice}`;
    return { code: known?.code ?? 'send-timeout', message };
  }

  #connectionReason(): Reason | undefined {
    return this.#source.status().reason ?? this.#sink.status().reason;
  }

  #whatIsMissing(): string {
    if (this.#open === undefined || !this.#isListening) return 'it has no connection yet';
    return this.#isSending
      ? 'the broker has not confirmed the last one yet'
      : 'the broker confirmed the last one and does not hand it over';
  }

  #tell(): void {
    const { state, broker, protocol, reason } = this.status();
    const isLate = state === 'late';
    if (isLate === this.#toldLate) return;
    this.#toldLate = isLate;
    if (isLate) this.#options.log.warn('canary.late', { broker, protocol, reason: reason?.message ?? '' });
    else this.#options.log.info('canary.back', { broker, protocol });
  }
}

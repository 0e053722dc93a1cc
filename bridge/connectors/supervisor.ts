import { setTimeout as delay } from 'node:timers/promises';
import { asBridgeError, BridgeError, type ErrorCode } from '../errors.js';
import type { Log } from '../observability/log.js';
import type { ConnectionStatus } from '../status.js';
import { Backoff } from './backoff.js';
import type { Connect, Connection, Endpoint } from './connector.js';

/** Milliseconds between attempts to connect. The ceiling is what a chat user waits at most after a broker is back. */
const RECONNECT = { initial: 100, max: 1_500 };

/** The same after a refusal that somebody has to mend first: asked too often, a broker may lock the account. */
const REFUSED = { initial: 250, max: 30_000 };
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'tls-refused',
  'authentication-failed',
  'wrong-broker',
  'subscription-refused',
] satisfies ErrorCode[]);

/** A connection that stayed up this long (ms) counts as stable: the next loss starts the backoff anew. */
const STABLE = 10_000;

/** Connections in a row that ended soon after they were up, from which on it is no accident. */
const SUSPICIOUS = 5;

/**
 * Two clients with one id end each other, within `life` ms, for as long as both come back at once. So a client that suspects another
 * waits up to `max` ms, and suspects it until it was up for `calm` ms: whichever has the connection then works in peace for a while.
 */
const RIVAL = { life: 3_000, max: 15_000, calm: 60_000 };

/** Milliseconds after which a failure that goes on is news again. */
const REMIND = 60_000;

export interface SupervisorOptions {
  /** Unique in the bridge; shown in health. */
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly connect: Connect;
  /** Opens sources and sinks on a fresh connection. The connection is up when it resolves. */
  readonly onUp: (connection: Connection) => Promise<void>;
  /** The connection is gone, or never came up; called once after each `onUp` that was begun. */
  readonly onDown: (reason: BridgeError) => void;
  /** Asked before each attempt: an error keeps it from connecting for now, and counts as a failed attempt. */
  readonly hold?: () => Promise<BridgeError | undefined>;
  readonly log: Log;
}

/** Connects, backs off and connects again, for ever, once for every connector. Every change of state is in `status`. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stop = new AbortController();
  readonly #backoff = new Backoff(RECONNECT);
  readonly #patience = new Backoff(REFUSED);
  /** The addresses of the broker, and how many attempts have failed: each failure is the next one's turn. */
  readonly #addresses: readonly Pick<Endpoint, 'host' | 'port' | 'tls'>[];
  #turn = 0;
  #connection: Connection | undefined;
  #running: Promise<void> | undefined;
  /** Resolves when the first attempt has come to something, or none will. */
  readonly hasTried: Promise<void>;
  #tried: () => void = () => {};
  readonly #aborted: Promise<undefined>;
  #state: ConnectionStatus['state'] = 'connecting';
  #since = Date.now();
  #reason: BridgeError | undefined;
  #peer: string | undefined;
  #notes: readonly string[] = [];
  #shortLives = 0;
  /** How often it came up. */
  #lives = 0;
  #replacing = false;
  #renewing = false;
  /** Milliseconds on the monotonic clock. */
  #told = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { host, port, tls, others = [] } = options.endpoint;
    this.#addresses = [{ host, port, ...(tls === undefined ? {} : { tls }) }, ...others];
    this.#aborted = new Promise((resolve) => {
      this.#stop.signal.addEventListener('abort', () => resolve(undefined));
    });
    this.hasTried = new Promise((resolve) => {
      this.#tried = resolve;
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Why there is no connection now; undefined while there is one, and before the first attempt. */
  get reason(): BridgeError | undefined {
    return this.#state === 'up' ? undefined : this.#reason;
  }

  /** Ends the connection politely and does not come back. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#tried();
    await this.#connection?.close();
    await this.#running;
    this.#enter('stopped');
  }

  /** Ends the present connection, if any; a new one follows. For a peer that does not answer any more. */
  replace(): void {
    this.#replacing = true;
    void this.#connection?.close();
  }

  /** As `replace`, of a connection that is still good: the next one follows at once, and nobody is told unless it does not come up. */
  renew(): void {
    if (this.#connection === undefined || this.#replacing) return;
    this.#renewing = true;
    void this.#connection.close();
  }

  status(): ConnectionStatus {
    const { name, endpoint } = this.#options;
    return {
      name,
      broker: endpoint.broker,
      protocol: endpoint.protocol,
      state: this.#state,
      since: new Date(this.#since).toISOString(),
      attempts: this.#state === 'up' ? 0 : this.#attempts(),
      reconnects: Math.max(0, this.#lives - 1),
      ...(this.#peer === undefined ? {} : { peer: this.#peer }),
      ...(this.#notes.length === 0 ? {} : { notes: this.#notes }),
      ...(this.#reason === undefined || this.#state === 'up'
        ? {}
        : { reason: { code: this.#reason.code, message: this.#reason.message } }),
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (!this.#renewing) this.#enter('connecting');
      const reason = await this.#liveOnce();
      if (signal.aborted) return;
      if (reason === 'renewed') continue;
      this.#renewing = false;
      this.#fail(reason);
      await delay(this.#wait(reason), undefined, { signal }).catch(() => undefined);
    }
  }

  /** One connection from its first byte to its end; resolves with the reason of the end. */
  async #liveOnce(): Promise<BridgeError | 'renewed'> {
    const { connect, onUp, onDown } = this.#options;
    // Not past a stop: what it waits for may be stopped later.
    const held = await Promise.race([this.#options.hold?.(), this.#aborted]);
    if (held !== undefined) return held;
    const endpoint = this.#endpoint();
    let connection: Connection;
    try {
      connection = await connect(endpoint, this.#stop.signal);
    } catch (error) {
      this.#turn++;
      // Whoever takes our place has a broker that answers.
      this.#shortLives = 0;
      return asBridgeError(error, 'connection-failed');
    }
    this.#connection = connection;
    this.#peer = connection.peer;
    // It may have come up in the very moment of `stop`, which then saw no connection to close.
    if (this.#stop.signal.aborted) await connection.close();
    let reason: BridgeError;
    let upSince: number | undefined;
    try {
      await Promise.race([onUp(connection), connection.lost.then((lost) => Promise.reject(lost))]);
      upSince = performance.now();
      this.#succeed(connection);
      reason = await connection.lost;
    } catch (error) {
      reason = asBridgeError(error, 'connection-failed');
    }
    if (upSince === undefined) this.#turn++;
    const isRenewed = this.#renewing && upSince !== undefined;
    this.#judgeLife(upSince);
    this.#replacing = false;
    this.#connection = undefined;
    onDown(reason);
    await connection.close();
    if (isRenewed) return 'renewed';
    return this.#isSuspicious ? this.#suspect(reason) : reason;
  }

  #judgeLife(upSince: number | undefined): void {
    const life = upSince === undefined ? 0 : performance.now() - upSince;
    if (life > (this.#isSuspicious ? RIVAL.calm : STABLE)) {
      this.#backoff.reset();
      this.#patience.reset();
      this.#shortLives = 0;
      return;
    }
    const mayBeRival =
      upSince !== undefined && !this.#replacing && this.#options.endpoint.protocol === 'mqtt';
    if (!mayBeRival) this.#shortLives = 0;
    else if (life < RIVAL.life) this.#shortLives++;
    else if (!this.#isSuspicious) this.#shortLives = 0;
  }

  /** Milliseconds until the next attempt. */
  #wait({ code }: BridgeError): number {
    if (REFUSALS.has(code)) return this.#patience.next();
    return this.#backoff.next(this.#isSuspicious ? RIVAL.max : RECONNECT.max);
  }

  get #isSuspicious(): boolean {
    return this.#shortLives >= SUSPICIOUS;
  }

  /** A broker says nothing to a client whose id another one takes: it hangs up (MQTT 3.1.1, 3.1.4). */
  #suspect(reason: BridgeError): BridgeError {
    const { clientId } = this.#options.endpoint;
    return new BridgeError(
      reason.code,
      `${reason.message} (${this.#shortLives} times soon after it was up; does another bridge use the client id ${JSON.stringify(clientId)}?)`,
      { cause: reason },
    );
  }

  #attempts(): number {
    return this.#backoff.attempts + this.#patience.attempts;
  }

  /** The endpoint at the address whose turn it is. */
  #endpoint(): Endpoint {
    const { tls: _tls, others: _others, ...rest } = this.#options.endpoint;
    return { ...rest, ...(this.#addresses[this.#turn % this.#addresses.length] ?? {}) };
  }

  #enter(state: ConnectionStatus['state']): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#since = Date.now();
  }

  #succeed({ peer, notes = [] }: Connection): void {
    if (this.#renewing) {
      this.#renewing = false;
      return;
    }
    this.#lives++;
    this.#enter('up');
    this.#tried();
    this.#options.log.info('connected', { ...this.#fields(), ...(peer === undefined ? {} : { peer }) });
    // What was said of the last connection is no news.
    for (const note of notes)
      if (!this.#notes.includes(note)) this.#options.log.warn('broker.note', { ...this.#fields(), note });
    this.#notes = [...notes];
  }

  #fail(reason: BridgeError): void {
    const repeated = this.#reason?.code === reason.code && this.#reason.message === reason.message;
    const wasUp = this.#state === 'up';
    this.#reason = reason;
    this.#enter('waiting');
    this.#tried();
    // The first failure of a kind is news; its repetition is so once a minute.
    const isNews = !repeated || wasUp || performance.now() - this.#told > REMIND;
    if (isNews) this.#told = performance.now();
    this.#options.log[isNews ? 'warn' : 'debug'](wasUp ? 'disconnected' : 'cannot connect', {
      ...this.#fields(),
      code: reason.code,
      reason: reason.message,
      attempts: this.#attempts(),
    });
  }

  #fields(): { connection: string; broker: string; protocol: string; host: string; port: number } {
    const { broker, protocol, host, port } = this.#endpoint();
    return { connection: this.#options.name, broker, protocol, host, port };
  }
}

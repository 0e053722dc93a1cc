import { type Bridge, createBridge, type Onlookers } from './bridge.js';
import type { Config } from './config/config.js';
import { fingerprint } from './config/fingerprint.js';
import { lockProtocol } from './config/lock-place.js';
import { BridgeError } from './errors.js';
import { RouteRecord } from './flow/route-record.js';
import { Lock } from './lock.js';
import type { Log } from './observability/log.js';
import { brokerNamed, changesBetween } from './sessions.js';
import type { BridgeStatus, RouteChanges, RouteStatus } from './status.js';

/** Milliseconds for what is in flight when the lock is lost: whoever has it now begins meanwhile. */
const HAND_OVER = 2_000;

/** What works with the bridge and stands by with it. */
export interface Companion {
  start(): void;
  stop(): Promise<void>;
}

/**
 * A bridge that works while it holds the lock of its rules (`standby` of the mapping file), and otherwise stands by: nothing but the lock
 * is connected then. Each time it begins with empty counters.
 * @throws BridgeError configuration-invalid when the broker of the lock cannot have one
 */
export function createStandbyBridge(
  config: Config,
  standby: Standby,
  companion: Companion,
  log: Log,
  onlookers: Onlookers,
): Bridge {
  return new StandbyBridge(config, standby, companion, log, onlookers);
}

type Standby = NonNullable<Config['standby']>;

/** A bridge at work, from when the lock was gained. */
interface Work {
  readonly bridge: Bridge;
  /** It was told to stop and is not to be gone on with. */
  isEnding: boolean;
}

class StandbyBridge implements Bridge {
  readonly #standby: Standby;
  readonly #companion: Companion;
  readonly #log: Log;
  readonly #onlookers: Onlookers;
  readonly #startedAt = new Date().toISOString();
  #rules: Config;
  #lock: Lock;
  #work: Work | undefined;
  #isStopping = false;
  /** Beginning, ending and going over to other rules, one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(config: Config, standby: Standby, companion: Companion, log: Log, onlookers: Onlookers) {
    this.#standby = standby;
    this.#companion = companion;
    this.#log = log;
    this.#onlookers = onlookers;
    this.#rules = config;
    this.#lock = this.#lockOf(config);
  }

  start(): void {
    this.#lock.start();
  }

  reload(next: Config, deadline: number): Promise<RouteChanges> {
    return this.#inTurn(async () => {
      const work = this.#work?.isEnding === false ? this.#work : undefined;
      const changes =
        (await work?.bridge.reload(next, deadline)) ?? changesBetween(this.#rules, next, new Set());
      const hasNewLock = this.#lockFingerprint(next) !== this.#lockFingerprint(this.#rules);
      this.#rules = next;
      if (hasNewLock && !this.#isStopping) await this.#renewLock(next, deadline);
      return changes;
    });
  }

  rules(): Config {
    return this.#rules;
  }

  async stop(deadline: number): Promise<void> {
    this.#isStopping = true;
    this.#leave(deadline);
    await this.#inTurn(() => this.#end(deadline));
    // The lock last: nobody is to begin before this one has ended.
    await this.#lock.stop();
  }

  status(): BridgeStatus {
    const connection = this.#lock.connection();
    const common = { startedAt: this.#startedAt, lock: this.#lock.status() };
    if (this.#work !== undefined) {
      const status = this.#work.bridge.status();
      const ready = status.ready && this.#lock.isHeld;
      return { ...status, ...common, ready, connections: [connection, ...status.connections] };
    }
    const state: BridgeStatus['state'] = this.#isStopping ? 'stopped' : 'standby';
    const routes = this.#rules.routes.map(({ name, enabled }) =>
      idle(name, enabled ? 'waiting' : 'disabled'),
    );
    return { ...common, ready: false, state, connections: [connection], routes };
  }

  measurements(): ReturnType<Bridge['measurements']> {
    return this.#work?.bridge.measurements() ?? { deliveries: [], batches: [], credits: [] };
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #lockOf(config: Config): Lock {
    const broker = brokerNamed(config, this.#standby.broker);
    const protocol = lockProtocol(broker);
    if (protocol === undefined)
      throw new BridgeError('configuration-invalid', `broker ${broker.name} has no endpoint for a lock`);
    return new Lock({
      broker,
      protocol,
      onGained: () => void this.#inTurn(() => this.#follow()),
      onLost: () => {
        // Not after a reload that is under way: whoever has the lock now begins at once.
        this.#leave(HAND_OVER);
        void this.#inTurn(() => this.#follow());
      },
      log: this.#log,
    });
  }

  /** Of what the lock is made of; another broker for it, or none, is for the next start. */
  #lockFingerprint({ brokers }: Config): string {
    const broker = brokers.get(this.#standby.broker);
    const canHave = broker !== undefined && lockProtocol(broker) !== undefined;
    return canHave ? fingerprint({ ...broker, canary: undefined }) : fingerprint(undefined);
  }

  /** A new password, certificate, address or client id: the lock of before would not come up again once its connection is lost. */
  async #renewLock(next: Config, deadline: number): Promise<void> {
    if (this.#lockFingerprint(next) === fingerprint(undefined)) return;
    await this.#end(deadline);
    await this.#lock.stop();
    this.#lock = this.#lockOf(next);
    this.#lock.start();
  }

  async #follow(): Promise<void> {
    if (this.#work?.isEnding === true) await this.#end(HAND_OVER);
    if (!this.#lock.isHeld || this.#isStopping || this.#work !== undefined) return;
    const bridge = createBridge(this.#rules, this.#log, this.#onlookers);
    this.#work = { bridge, isEnding: false };
    bridge.start();
    this.#companion.start();
    this.#log.info('standby.active', {});
  }

  /** Takes nothing more from now on; what is in flight ends meanwhile. */
  #leave(deadline: number): void {
    if (this.#work === undefined) return;
    this.#work.isEnding = true;
    // Its end is waited for in turn.
    this.#work.bridge.stop(deadline).catch(() => undefined);
  }

  async #end(deadline: number): Promise<void> {
    if (this.#work === undefined) return;
    this.#leave(deadline);
    await Promise.all([this.#work.bridge.stop(deadline), this.#companion.stop()]);
    this.#work = undefined;
    this.#log.info('standby.passive', {});
  }
}

const idle = (name: string, state: RouteStatus['state']): RouteStatus => ({
  name,
  state,
  ...new RouteRecord().status(),
});

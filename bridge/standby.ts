import { type Bridge, createBridge } from './bridge.js';
import type { Config } from './config/config.js';
import { lockProtocol } from './config/lock-place.js';
import { BridgeError } from './errors.js';
import { RouteRecord } from './flow/route-record.js';
import type { Tails } from './flow/tails.js';
import { Lock } from './lock.js';
import type { Log } from './observability/log.js';
import { brokerNamed, changesBetween } from './sessions.js';
import type { BridgeStatus, RouteStatus } from './status.js';

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
  standby: NonNullable<Config['standby']>,
  companion: Companion,
  log: Log,
  tails?: Tails,
): Bridge {
  const startedAt = new Date().toISOString();
  const broker = brokerNamed(config, standby.broker);
  const protocol = lockProtocol(broker);
  if (protocol === undefined)
    throw new BridgeError('configuration-invalid', `broker ${broker.name} has no endpoint for a lock`);
  let rules = config;
  let active: Bridge | undefined;
  let isStopping = false;
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work);
    turn = done.catch(() => undefined);
    return done;
  };

  const follow = async (): Promise<void> => {
    if (lock.isHeld && !isStopping && active === undefined) {
      active = createBridge(rules, log, tails);
      active.start();
      companion.start();
      log.info('standby.active', {});
    } else if (!lock.isHeld && active !== undefined) await end(HAND_OVER);
  };
  const end = async (deadline: number): Promise<void> => {
    await Promise.all([active?.stop(deadline), companion.stop()]);
    active = undefined;
    log.info('standby.passive', {});
  };
  const lock = new Lock({
    broker,
    protocol,
    onGained: () => void inTurn(follow),
    onLost: () => void inTurn(follow),
    log,
  });

  return {
    start: () => lock.start(),
    reload: (next, deadline) =>
      inTurn(async () => {
        const changes = (await active?.reload(next, deadline)) ?? changesBetween(rules, next, new Set());
        rules = next;
        return changes;
      }),
    rules: () => rules,
    async stop(deadline) {
      isStopping = true;
      // The lock last: nobody is to begin before this one has ended.
      await inTurn(() => end(deadline));
      await lock.stop();
    },
    status() {
      const connection = lock.connection();
      const common = { startedAt, lock: lock.status() };
      if (active !== undefined) {
        const status = active.status();
        const ready = status.ready && lock.isHeld;
        return { ...status, ...common, ready, connections: [connection, ...status.connections] };
      }
      const state: BridgeStatus['state'] = isStopping ? 'stopped' : 'standby';
      const routes = rules.routes.map(({ name, enabled }) => idle(name, enabled ? 'waiting' : 'disabled'));
      return { ...common, ready: false, state, connections: [connection], routes };
    },
    measurements: () => active?.measurements() ?? { deliveries: [], batches: [], credits: [] },
  };
}

const idle = (name: string, state: RouteStatus['state']): RouteStatus => ({
  name,
  state,
  ...new RouteRecord().status(),
});

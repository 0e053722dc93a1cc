import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Protocol } from '../../bridge/connectors/connector.js';
import type { ConnectionStatus } from '../../bridge/status.js';
import { eventually } from '../support/eventually.js';
import { endpointAs } from './endpoint.js';
import { IN_FLIGHT, NAMED_HOST, type Run } from './run.js';

/**
 * What can go wrong while a bridge works. Each does it, waits until the bridge is at work again, and resolves with how
 * many messages may have come twice by it.
 */
export type Fault = (run: Run) => Promise<number>;

/**
 * What is in flight when a connection ends is in doubt at its source and at its sink: either way of the two may bring
 * it once more.
 */
const TWICE = 2 * IN_FLIGHT;

/** Milliseconds after which a bridge cannot have noticed that its broker is silent: eight times `IDLE_TIMEOUT` of endpoints.ts. */
const SILENCE = 120_000;

/** Milliseconds after which a destination cannot have got full, and been tried again some times. */
const UNTIL_FULL = 120_000;

/** A broker that ends may forget acknowledgements that it has read, beside what was in flight (seen with Artemis 2.40.0). */
const BROKER_GONE = 3 * TWICE;

const timesOver =
  (times: number, fault: Fault): Fault =>
  async (run) => {
    let twice = 0;
    for (let i = 0; i < times; i++) twice += await fault(run);
    return twice;
  };

const killBridge: Fault = async (run) => {
  await run.delivers(100, 700);
  run.bridge?.signal('SIGKILL');
  await run.bridge?.exited;
  run.startBridge();
  await run.ready();
  return TWICE;
};

const killBroker: Fault = async (run) => {
  await run.delivers(500, 3_000);
  await run.broker.kill();
  await run.broker.restart();
  await run.ready();
  return BROKER_GONE;
};

const stopBroker: Fault = async (run) => {
  await run.delivers(500, 3_000);
  await run.broker.restart();
  await run.ready();
  return BROKER_GONE;
};

const cut: Fault = async (run) => {
  await run.delivers(100, 700);
  const which = [[run.source], [run.sink], run.proxies][run.random.between(0, 3)] ?? [];
  for (const proxy of which) proxy.cut();
  await run.ready();
  return TWICE;
};

const cutInAFrame: Fault = async (run) => {
  const proxy = run.random.between(0, 2) === 0 ? run.source : run.sink;
  const direction = run.random.between(0, 2) === 0 ? 'toBroker' : 'toBridge';
  await proxy.cutAfter(direction, run.random.between(500, 30_000));
  await run.ready();
  return TWICE;
};

const isDown = ({ state }: ConnectionStatus) => state !== 'up';

/** The sinks first: a source whose messages cannot go anywhere reads nothing, and does not hear that nothing comes. */
const hang: Fault = async (run) => {
  await run.delivers(500, 3_000);
  for (const proxy of run.proxies) proxy.hang();
  const seen = new Set<string>();
  const allSeen = async (protocol: Protocol) => {
    const { connections } = await run.health();
    for (const { name } of connections.filter(isDown)) seen.add(name);
    return connections.every((connection) => connection.protocol !== protocol || seen.has(connection.name));
  };
  await eventually(() => allSeen(run.to), SILENCE);
  run.sink.heal();
  await eventually(() => allSeen(run.from), SILENCE);
  run.source.heal();
  await run.ready();
  return TWICE;
};

/** What is delivered until both ends have noticed is acknowledged to nobody. */
const halfClose: Fault = async (run) => {
  let twice = 0;
  for (const proxy of new Set([run.source, run.sink]))
    for (const direction of ['toBroker', 'toBridge'] as const) {
      await run.delivers(100, 700);
      const before = proxy.taken;
      const delivered = await run.delivered();
      proxy.halfClose(direction);
      await eventually(() => proxy.taken > before);
      twice += (await run.delivered()) - delivered + TWICE;
      await run.ready();
    }
  return twice;
};

const delay: Fault = async (run) => {
  await run.delivers(100, 700);
  for (const proxy of run.proxies) proxy.latency(500);
  await run.delivers(100, 300);
  for (const proxy of run.proxies) proxy.heal();
  return 0;
};

const throttle: Fault = async (run) => {
  await run.delivers(100, 700);
  for (const proxy of run.proxies) proxy.throttle(30_000);
  await run.delivers(100, 300);
  for (const proxy of run.proxies) proxy.heal();
  return 0;
};

/** Every message that the sink's broker confirms now comes twice: no acknowledgement of it gets to its source. */
const cutBeforeAck: Fault = async (run) => {
  await run.delivers(100, 700);
  run.source.hang('toBroker');
  const before = await run.delivered();
  // Over AMQP no credit gets there either.
  await run.delivers(1, 30);
  run.source.cut();
  run.source.heal();
  const confirmed = (await run.delivered()) - before;
  await run.ready();
  return confirmed + TWICE;
};

const neverAck: Fault = async (run) => {
  const { broker, id } = run;
  const connection = await connectAmqp(
    { ...endpointAs(broker, 'amqp', 'ann'), clientId: `${id}-never-acks` },
    new AbortController().signal,
  );
  const levels = [{ literal: id }, { literal: 'out' }];
  let held = 0;
  const source = await connection.source(
    { kind: 'queue', pattern: { kind: 'queue', levels }, window: 100 },
    () => {
      held++;
    },
  );
  source.grant(100);
  await eventually(() => held === 100);
  await run.delivers(3_000);
  await connection.close();
  return 0;
};

/** Nobody reads yet, and so there is no room in the end: until the bridge has tried again more often than that. */
const fullUntil =
  (retries: number): Fault =>
  async (run) => {
    await eventually(async () => ((await run.health()).routes[0]?.retried ?? 0) > retries, UNTIL_FULL);
    const { delivered } = (await run.health()).routes[0] ?? {};
    if ((delivered ?? 0) >= run.count) throw new Error('there was room for everything');
    return Number.POSITIVE_INFINITY;
  };

const changePassword: Fault = async (run) => {
  const { broker } = run;
  const { username, password } = broker.accounts.bridge;
  await run.delivers(500, 2_000);
  await broker.setPassword(username, 'another-pw');
  try {
    const refused = async () =>
      (await run.health()).connections.every(({ reason }) => reason?.code === 'authentication-failed');
    // Both brokers go on with a connection whose password was right once.
    await eventually(async () => {
      for (const proxy of run.proxies) proxy.cut();
      return refused();
    }, SILENCE);
    await run.setPassword('another-pw');
    await run.reload();
    await run.ready();
    await run.delivers(500);
  } finally {
    await broker.setPassword(username, password);
  }
  return Number.POSITIVE_INFINITY;
};

const terminate = async (run: Run, before = () => run.delivers(300, 1_000)): Promise<number> => {
  await before();
  const started = performance.now();
  run.bridge?.signal('SIGTERM');
  const code = await run.bridge?.exited;
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`exit code ${code}: ${run.bridge?.output.slice(-3_000)}`);
  if (seconds > 10) throw new Error(`it took ${seconds} s to end`);
  for (const proxy of run.proxies) proxy.heal();
  run.startBridge();
  await run.ready();
  return 0;
};

const terminateHung: Fault = async (run) => {
  await run.delivers(300, 1_000);
  for (const proxy of run.proxies) proxy.hang();
  const twice = await terminate(run, async () => {});
  return twice + TWICE;
};

const reload: Fault = async (run) => {
  for (const [index, proxy] of [run.source, run.sink, run.source, run.sink].entries()) {
    await run.delivers(100, 500);
    await run.write(`mark${index}`);
    const reloaded = run.reload();
    await run.delivers(run.random.between(1, 20));
    proxy.cut();
    const status = await reloaded;
    if (status !== 200) throw new Error(`reload answered ${status}`);
    await run.ready();
  }
  return 4 * TWICE;
};

/** Connections of a session that two bridges take from each other, until both have calmed down. */
const TAKEOVERS = 40;

const second: Fault = async (run) => {
  await run.delivers(300, 1_000);
  const before = run.source.taken;
  const other = await run.startSecond();
  await eventually(async () => {
    const { connections } = await other.health();
    return connections.some(({ reason }) =>
      reason?.message.includes('does another bridge use the client id'),
    );
  }, SILENCE);
  // Whichever of the two has the session works on, alone.
  const total = async () => (await run.delivered()) + ((await other.health()).routes[0]?.delivered ?? 0);
  await eventually(async () => (await total()) >= run.count, 120_000);
  await other.bridge.interrupt();
  await eventually(async () => (await run.health()).ready, 120_000);
  const takeovers = run.source.taken - before;
  if (takeovers > TAKEOVERS) throw new Error(`they fight: ${takeovers} connections`);
  return takeovers * TWICE;
};

/** Of a host that is told what is wrong with it by a file; see hooks/faulty-host.mjs. */
const clock: Fault = async (run) => {
  for (const jump of [3_600_000, -3_600_000, 86_400_000, 0]) {
    await run.delivers(100, 300);
    const since = async () => (await run.health()).connections.map((connection) => connection.since).join();
    const before = await since();
    await run.setHost({ clock: jump });
    await run.delivers(100, 500);
    if ((await since()) !== before)
      throw new Error(`a connection was replaced: the clock jumped by ${jump} ms`);
  }
  return 0;
};

const unresolved: Fault = async (run) => {
  await run.delivers(500);
  await run.setHost({ unresolved: NAMED_HOST });
  run.bridge?.signal('SIGKILL');
  await run.bridge?.exited;
  run.startBridge();
  await eventually(async () => {
    const { connections } = await run.health();
    return connections.every(({ reason, attempts }) => attempts > 1 && reason?.message.includes(NAMED_HOST));
  });
  await run.setHost({});
  await run.ready();
  return TWICE;
};

export const FAULTS = {
  'the bridge is killed, ten times over': timesOver(10, killBridge),
  'the broker is killed': timesOver(2, killBroker),
  'the broker is stopped': timesOver(2, stopBroker),
  'connections are cut': timesOver(6, cut),
  'connections are cut within a frame': timesOver(6, cutInAFrame),
  'connections hang': hang,
  'connections are half closed': halfClose,
  'each byte comes 500 ms late': delay,
  'the network is slow': throttle,
  'the source is cut off between confirm and acknowledgement': timesOver(3, cutBeforeAck),
  'a consumer never acknowledges': neverAck,
  // Each wait is longer than the one before: twenty tries are enough to see that it goes on trying.
  'the destination is full': fullUntil(20),
  // No answer is all that it says.
  'the destination is full and blocks': fullUntil(0),
  'the password changes': changePassword,
  'SIGTERM under load': timesOver(3, (run) => terminate(run)),
  'SIGTERM while connections hang': terminateHung,
  'the rules are reloaded while connections are cut': reload,
  'a second bridge has the same client id': second,
  'the clock jumps': clock,
  'the name of the broker does not resolve at first': unresolved,
} as const satisfies Record<string, Fault>;

/** Each once, and over within seconds: for runs of many. */
export const SINGLE_FAULTS = {
  'bridge killed': killBridge,
  'bridge terminated': (run) => terminate(run),
  'broker killed': killBroker,
  'broker stopped': stopBroker,
  'connections cut': cut,
  'cut within a frame': cutInAFrame,
  'source cut off before the acknowledgement': cutBeforeAck,
  'half closed': halfClose,
  '500 ms late': delay,
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

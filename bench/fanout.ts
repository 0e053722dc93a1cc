import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mqtt from 'mqtt';
import type { BridgeStatus } from '../bridge/status.js';
import { brokerEnvironment } from '../test/support/bridge.js';
import {
  freePort,
  startArtemis,
  startClassic,
  startMosquitto,
  type TestBroker,
} from '../test/support/brokers.js';
import { eventually } from '../test/support/eventually.js';
import { Member as TcpMember } from './member.js';
import { machine, printTable } from './report.js';

/**
 * `npm run bench:fanout -- --clients 500 --rooms 50 --rate 1000 --seconds 30 --over ws --front classic`: that many MQTT clients over
 * WebSocket, as browsers are, each in one room, and so many messages a second from all of them, after `--warm-up 20` seconds of the same; first on the broker alone, then with the
 * bridge beside it. Time from publish to each member. The front broker, which the members are connected to, is ActiveMQ Classic with
 * mappings/chat.yaml, Artemis with mappings/artemis.yaml, or Mosquitto with mappings/mosquitto-to-activemq.yaml and Classic behind it.
 */
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '500' },
    rooms: { type: 'string', default: '50' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '30' },
    over: { type: 'string', default: 'ws' },
    front: { type: 'string', default: 'classic' },
    'warm-up': { type: 'string', default: '20' },
  },
});
const CLIENTS = Number(values.clients);
const ROOMS = Number(values.rooms);
const RATE = Number(values.rate);
const SECONDS = Number(values.seconds);
/** Seconds of the load before latency counts: a JVM's first seconds at a load are its compiler's. What is lost then counts, too. */
const WARM_UP = Number(values['warm-up']);
/** `ws`, as browsers connect, or `tcp`. */
const OVER = values.over;
const MEMBERS = CLIENTS / ROOMS;
/** Messages between two looks at the clock. */
const BEAT_MS = 10;
/** Milliseconds without a message after which no more come. */
const SILENCE = 10_000;
const MAIN = fileURLToPath(new URL('../dist/bridge/main.js', import.meta.url));

/** Where the members are, and what brings their lines to JMS. */
interface Front {
  readonly mapping: string;
  /** What the mapping file calls the broker's address in the environment. */
  readonly prefix: string;
  start(): Promise<TestBroker>;
  /** The broker behind it that JMS programs are connected to, where that is another one. */
  readonly behind?: () => Promise<TestBroker>;
}

const FRONTS: Readonly<Record<string, Front>> = {
  classic: { mapping: 'chat.yaml', prefix: 'ACTIVEMQ', start: startClassic },
  artemis: { mapping: 'artemis.yaml', prefix: 'ARTEMIS', start: startArtemis },
  mosquitto: {
    mapping: 'mosquitto-to-activemq.yaml',
    prefix: 'FRONT',
    // As Mosquitto comes: the tests have it write its store after each change.
    start: () =>
      startMosquitto({
        settings: ['autosave_on_changes false', 'autosave_interval 1800', 'max_queued_messages 0'],
      }),
    behind: startClassic,
  },
};
const front = FRONTS[values.front];
if (front === undefined) {
  console.error(`bench: --front takes ${Object.keys(FRONTS).join(', ')}, not ${values.front}`);
  process.exit(2);
}

interface Outcome {
  readonly latencies: Float64Array;
  readonly lost: number;
  readonly twice: number;
  /** Came to a member after a later message of the same sender. */
  readonly reordered: number;
}

const topicOf = (room: number) => `chat/fanout${room}/messages`;

/** A member of one room, however it is connected. */
interface Member {
  publish(payload: Buffer): void;
  /** Publishes without an answer. */
  readonly unanswered: number;
  leave(): void;
}

async function join(
  broker: TestBroker,
  index: number,
  onMessage: (payload: Buffer) => void,
): Promise<Member> {
  const topic = topicOf(index % ROOMS);
  const clientId = `fanout-${process.pid}-${index}`;
  const login = { ...broker.accounts.ann, clientId };
  if (OVER === 'tcp')
    return TcpMember.join({ ...login, host: broker.host, port: broker.ports.mqtt }, topic, onMessage);
  const url = `ws://${broker.host}:${broker.ports.ws ?? broker.ports.mqtt}/mqtt`;
  const client = await mqtt.connectAsync(url, { ...login, reconnectPeriod: 0, connectTimeout: 30_000 });
  client.on('message', (_topic, payload) => onMessage(payload));
  await client.subscribeAsync(topic, { qos: 1 });
  let unanswered = 0;
  return {
    publish(payload) {
      unanswered++;
      client.publish(topic, payload, { qos: 1 }, (error) => {
        if (error != null) throw error;
        unanswered--;
      });
    },
    get unanswered() {
      return unanswered;
    },
    leave: () => void client.end(true),
  };
}

async function load(broker: TestBroker): Promise<Outcome> {
  const uncounted = RATE * WARM_UP;
  const total = uncounted + RATE * SECONDS;
  const sentAt = new Float64Array(total);
  const received = new Uint8Array(total * MEMBERS);
  const latencies = new Float64Array((total - uncounted) * MEMBERS);
  let count = 0;
  let counted = 0;
  let twice = 0;
  let reordered = 0;
  let last = performance.now();
  const reader = (member: number) => {
    const newest = new Map<number, number>();
    return (payload: Buffer) => {
      last = performance.now();
      // Not JSON.parse: the load shares the cores with what it measures.
      const n = Number(payload.toString('latin1', payload.lastIndexOf(':') + 1, payload.length - 1));
      const slot = n * MEMBERS + member;
      if (received[slot] === 1) {
        twice++;
        return;
      }
      received[slot] = 1;
      count++;
      if (n >= uncounted) latencies[counted++] = last - (sentAt[n] ?? 0);
      const sender = n % CLIENTS;
      if (n < (newest.get(sender) ?? 0)) reordered++;
      else newest.set(sender, n);
    };
  };
  const members: Member[] = [];
  for (let index = 0; index < CLIENTS; index += 20) {
    const some = Array.from({ length: Math.min(20, CLIENTS - index) }, (_, more) => index + more);
    members.push(
      ...(await Promise.all(some.map((each) => join(broker, each, reader(Math.floor(each / ROOMS)))))),
    );
  }
  const text = 'x'.repeat(100);
  const began = performance.now();
  for (let n = 0; n < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) * RATE) / 1_000));
    for (; n < due; n++) {
      sentAt[n] = performance.now();
      const sentTime = new Date().toISOString();
      const body = { type: 'text', id: `fanout-${n}`, from: 'ann', text, sentAt: sentTime, n };
      members[n % CLIENTS]?.publish(Buffer.from(JSON.stringify(body)));
    }
    await delay(BEAT_MS);
  }
  const isDone = () => count === total * MEMBERS && members.every(({ unanswered }) => unanswered === 0);
  while (!isDone() && performance.now() - last < SILENCE) await delay(100);
  for (const member of members) member.leave();
  return {
    latencies: latencies.subarray(0, counted).sort(),
    lost: total * MEMBERS - count,
    twice,
    reordered,
  };
}

interface RunningBridge {
  readonly bridge: ChildProcess;
  readonly port: number;
}

async function startBridge(
  { mapping, prefix }: Front,
  brokers: readonly TestBroker[],
): Promise<RunningBridge> {
  const port = await freePort();
  const [broker, behind] = brokers;
  const env = {
    ...process.env,
    ...(broker === undefined ? {} : brokerEnvironment(broker, prefix)),
    ...(behind === undefined ? {} : brokerEnvironment(behind)),
    HTTP_PORT: String(port),
  };
  const file = fileURLToPath(new URL(`../mappings/${mapping}`, import.meta.url));
  const bridge = spawn(process.execPath, [MAIN, 'run', file, '--log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
  return { bridge, port };
}

/** Resolves with what the rules have delivered, once that is everything. */
async function archived(port: number): Promise<number> {
  const delivered = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/health`);
    const { routes } = (await answer.json()) as Pick<BridgeStatus, 'routes'>;
    return routes.find(({ name }) => name === 'room-to-jms')?.delivered ?? 0;
  };
  await eventually(async () => (await delivered()) >= RATE * (WARM_UP + SECONDS), 120_000).catch(
    () => undefined,
  );
  return delivered();
}

const percentile = (sorted: Float64Array, part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

const rows: string[][] = [];
const results: object[] = [];
for (const beside of ['broker alone', 'with the bridge'] as const) {
  const broker = await front.start();
  const behind = beside === 'broker alone' ? undefined : await front.behind?.();
  const running =
    beside === 'broker alone'
      ? undefined
      : await startBridge(front, [broker, ...(behind === undefined ? [] : [behind])]);
  try {
    const { latencies, lost, twice, reordered } = await load(broker);
    const [p50, p99, max] = [percentile(latencies, 0.5), percentile(latencies, 0.99), latencies.at(-1) ?? 0];
    const toJms = running === undefined ? undefined : await archived(running.port);
    const figures = [p50, p99, max].map((ms) => ms.toFixed(1));
    rows.push([beside, ...figures, ...[lost, twice, reordered, toJms ?? '–'].map(String)]);
    results.push({ beside, p50, p99, max, lost, twice, reordered, toJms });
  } finally {
    if (running !== undefined) {
      running.bridge.kill('SIGTERM');
      await once(running.bridge, 'exit');
    }
    await Promise.all([broker.stop(), behind?.stop()]);
  }
}
printTable(
  `${CLIENTS} MQTT clients over ${OVER} on ${values.front} in ${ROOMS} rooms, ${RATE} msg/s for ${SECONDS} s: ms from publish to each member`,
  [['', 'p50', 'p99', 'longest', 'lost', 'twice', 'out of order', 'delivered to JMS'], ...rows],
);
console.log(
  JSON.stringify({
    machine: machine(),
    date: new Date().toISOString(),
    front: values.front,
    over: OVER,
    clients: CLIENTS,
    rooms: ROOMS,
    rate: RATE,
    seconds: SECONDS,
    warmUp: WARM_UP,
    results,
  }),
);

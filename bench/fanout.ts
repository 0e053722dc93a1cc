import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mqtt, { type MqttClient } from 'mqtt';
import { brokerEnvironment, CHAT_MAPPING } from '../test/support/bridge.js';
import { freePort, startClassic, type TestBroker } from '../test/support/brokers.js';
import { eventually } from '../test/support/eventually.js';
import { machine, printTable } from './report.js';

/**
 * `npm run bench:fanout -- --clients 500 --rooms 50 --rate 1000 --seconds 30 --over ws`: that many MQTT clients over WebSocket, as browsers are,
 * each in one room, and so many messages a second from all of them; first on the broker alone, then with the bridge and
 * mappings/chat.yaml beside it. Time from publish to each member.
 */
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '500' },
    rooms: { type: 'string', default: '50' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '30' },
    over: { type: 'string', default: 'ws' },
  },
});
const CLIENTS = Number(values.clients);
const ROOMS = Number(values.rooms);
const RATE = Number(values.rate);
const SECONDS = Number(values.seconds);
/** `ws`, as browsers connect, or `tcp`. */
const OVER = values.over;
const MEMBERS = CLIENTS / ROOMS;
/** Messages between two looks at the clock. */
const BEAT_MS = 10;
/** Milliseconds without a message after which no more come. */
const SILENCE = 10_000;
const MAIN = fileURLToPath(new URL('../dist/bridge/main.js', import.meta.url));

interface Outcome {
  readonly latencies: Float64Array;
  readonly lost: number;
  readonly twice: number;
  /** Came to a member after a later message of the same sender. */
  readonly reordered: number;
}

const topicOf = (room: number) => `chat/fanout${room}/messages`;

async function join(broker: TestBroker, index: number): Promise<MqttClient> {
  const url =
    OVER === 'tcp'
      ? `mqtt://${broker.host}:${broker.ports.mqtt}`
      : `ws://${broker.host}:${broker.ports.ws}/mqtt`;
  const client = await mqtt.connectAsync(url, {
    ...broker.accounts.ann,
    clientId: `fanout-${process.pid}-${index}`,
    reconnectPeriod: 0,
    connectTimeout: 30_000,
  });
  await client.subscribeAsync(topicOf(index % ROOMS), { qos: 1 });
  return client;
}

async function load(broker: TestBroker): Promise<Outcome> {
  const total = RATE * SECONDS;
  const sentAt = new Float64Array(total);
  const received = new Uint8Array(total * MEMBERS);
  const latencies = new Float64Array(total * MEMBERS);
  let count = 0;
  let twice = 0;
  let reordered = 0;
  let last = performance.now();
  const clients: MqttClient[] = [];
  for (let index = 0; index < CLIENTS; index += 20)
    clients.push(...(await Promise.all(Array.from({ length: 20 }, (_, more) => join(broker, index + more)))));
  for (const [index, client] of clients.entries()) {
    const member = Math.floor(index / ROOMS);
    const newest = new Map<number, number>();
    client.on('message', (_topic, payload) => {
      last = performance.now();
      const { n } = JSON.parse(payload.toString()) as { n: number };
      const slot = n * MEMBERS + member;
      if (received[slot] === 1) {
        twice++;
        return;
      }
      received[slot] = 1;
      latencies[count++] = last - (sentAt[n] ?? 0);
      const sender = n % CLIENTS;
      if (n < (newest.get(sender) ?? 0)) reordered++;
      else newest.set(sender, n);
    });
  }
  const began = performance.now();
  const pending: Promise<unknown>[] = [];
  for (let n = 0; n < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) * RATE) / 1_000));
    for (; n < due; n++) {
      sentAt[n] = performance.now();
      const text = 'x'.repeat(100);
      const body = {
        type: 'text',
        id: `fanout-${n}`,
        from: 'ann',
        text,
        sentAt: new Date().toISOString(),
        n,
      };
      const sender = clients[n % CLIENTS];
      if (sender !== undefined)
        pending.push(sender.publishAsync(topicOf((n % CLIENTS) % ROOMS), JSON.stringify(body), { qos: 1 }));
    }
    await delay(BEAT_MS);
  }
  await Promise.all(pending);
  while (count < total * MEMBERS && performance.now() - last < SILENCE) await delay(100);
  await Promise.all(clients.map((client) => client.endAsync(true)));
  return { latencies: latencies.subarray(0, count).sort(), lost: total * MEMBERS - count, twice, reordered };
}

async function startBridge(
  broker: TestBroker,
): Promise<{ readonly bridge: ChildProcess; readonly port: number }> {
  const port = await freePort();
  const env = { ...process.env, ...brokerEnvironment(broker), HTTP_PORT: String(port) };
  const bridge = spawn(process.execPath, [MAIN, 'run', CHAT_MAPPING, '--log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
  return { bridge, port };
}

/** Resolves with what the rules have delivered, once that is everything. */
async function archived(port: number): Promise<number> {
  const delivered = async () => {
    const routes = (await (await fetch(`http://127.0.0.1:${port}/api/routes`)).json()) as {
      name: string;
      delivered: number;
    }[];
    return routes.find(({ name }) => name === 'room-to-jms')?.delivered ?? 0;
  };
  await eventually(async () => (await delivered()) >= RATE * SECONDS, 120_000).catch(() => undefined);
  return delivered();
}

const percentile = (sorted: Float64Array, part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

const rows: string[][] = [];
const results: object[] = [];
for (const beside of ['broker alone', 'with the bridge'] as const) {
  const broker = await startClassic();
  const running = beside === 'broker alone' ? undefined : await startBridge(broker);
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
    await broker.stop();
  }
}
printTable(
  `${CLIENTS} MQTT clients over ${OVER} in ${ROOMS} rooms, ${RATE} msg/s for ${SECONDS} s: ms from publish to each member`,
  [['', 'p50', 'p99', 'longest', 'lost', 'twice', 'out of order', 'delivered to JMS'], ...rows],
);
console.log(
  JSON.stringify({
    machine: machine(),
    date: new Date().toISOString(),
    over: OVER,
    clients: CLIENTS,
    rooms: ROOMS,
    rate: RATE,
    seconds: SECONDS,
    results,
  }),
);

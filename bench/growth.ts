import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import mqtt, { type MqttClient } from 'mqtt';
import { connectAmqp } from '../bridge/connectors/amqp/connect.js';
import { parsePattern } from '../bridge/routing/pattern.js';
import { endpointOf } from '../test/contract/brokers-under-test.js';
import { brokerEnvironment } from '../test/support/bridge.js';
import { freePort, startClassic, startMosquitto, type TestBroker } from '../test/support/brokers.js';
import { eventually } from '../test/support/eventually.js';
import { CommandLine } from '../test/support/up.js';
import { costOf, SENDERS, usageOf } from './load.js';
import { machine, printTable } from './report.js';

/**
 * `npm run bench:growth -- --messages 5000 --parts routes,rooms,bytes`: what a message costs the bridge as the mapping file has more routes, as
 * more rooms talk, and as messages are larger. From Mosquitto, whose names cost next to nothing, into one queue of ActiveMQ Classic.
 */
const PARTS = ['routes', 'rooms', 'bytes'];
const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '5000' },
    parts: { type: 'string', default: PARTS.join(',') },
  },
});
const MESSAGES = Number(values.messages);
const parts = values.parts.split(',');
/** Publishes without an answer at a time, of one client. */
const WINDOW = 50;

interface Load {
  readonly routes: number;
  readonly rooms: number;
  readonly messages: number;
  readonly bytes: number;
}

interface Measured {
  readonly perSecond: number;
  readonly microseconds: number;
  readonly peakRssMiB: number;
}

const USUAL: Load = { routes: 1, rooms: 100, messages: MESSAGES, bytes: 200 };

function mapping(id: string, routes: number): string {
  // Short, because a mapping file has at most 1 MiB.
  const rule = (index: number) => `
  r${index}: { from: { broker: f, mqtt: "${id}/${index}/{room}", connection: c }, to: { broker: q, queue: ${id} } }`;
  return `version: 1
brokers:
  f:
    type: mqtt
    mqtt: mqtt://127.0.0.1:\${FRONT_MQTT_PORT}
    username: \${FRONT_USERNAME}
    password: \${FRONT_PASSWORD}
  q:
    type: activemq
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
routes:${Array.from({ length: routes }, (_, index) => rule(index)).join('')}
http: { port: "\${HTTP_PORT}" }
`;
}

/** Takes what comes to the queue. */
async function readAll(
  broker: TestBroker,
  queue: string,
): Promise<{ readonly count: number; close(): Promise<void> }> {
  const endpoint = { ...endpointOf(broker, 'amqp'), clientId: `${queue}-reader` };
  const connection = await connectAmqp(endpoint, new AbortController().signal);
  let count = 0;
  const spec = { kind: 'queue', pattern: parsePattern('queue', queue), window: 200 } as const;
  const source = await connection.source(spec, ({ settle }) => {
    count++;
    settle('accepted');
    source.grant(1);
  });
  source.grant(200);
  return {
    get count() {
      return count;
    },
    close: () => connection.close(),
  };
}

/** Every sender its part of the messages; room `n % rooms` of route `n % routes`. */
async function publish(clients: readonly MqttClient[], id: string, load: Load): Promise<void> {
  const body = 'x'.repeat(load.bytes);
  const one = async (client: MqttClient, first: number) => {
    for (let n = first; n < load.messages; n += SENDERS * WINDOW)
      await client.publishAsync(`${id}/${n % load.routes}/room-${n % load.rooms}`, body, { qos: 1 });
  };
  await Promise.all(
    clients.flatMap((client, index) =>
      Array.from({ length: WINDOW }, (_, slot) => one(client, index + slot * SENDERS)),
    ),
  );
}

let count = 0;

async function measure(front: TestBroker, classic: TestBroker, load: Load): Promise<Measured> {
  const id = `g${++count}`;
  const folder = await mkdtemp(join(tmpdir(), 'bridge-growth-'));
  const file = join(folder, 'mapping.yaml');
  await writeFile(file, mapping(id, load.routes));
  const port = await freePort();
  const bridge = new CommandLine(['run', file, '--log-level', 'error'], {
    ...brokerEnvironment(front, 'FRONT'),
    ...brokerEnvironment(classic),
    HTTP_PORT: String(port),
  });
  const clients: MqttClient[] = [];
  const reader = await readAll(classic, id);
  try {
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok, 120_000);
    for (let index = 0; index < SENDERS; index++)
      clients.push(
        await mqtt.connectAsync({ host: front.host, port: front.ports.mqtt, ...front.accounts.ann }),
      );
    // Not by asking the bridge, which would have to tell of every route each time.
    const delivered = () => reader.count;
    // The first hundred are the JIT compiler's.
    const warmUp = { ...load, messages: Math.min(500, load.messages) };
    await publish(clients, id, warmUp);
    await eventually(() => delivered() >= warmUp.messages, 120_000);
    const pid = bridge.pid ?? 0;
    const before = await usageOf(pid);
    const began = performance.now();
    await publish(clients, id, load);
    await eventually(() => delivered() >= warmUp.messages + load.messages, 240_000);
    const seconds = (performance.now() - began) / 1_000;
    const { cpuPer100k, peakRssMiB } = costOf(before, await usageOf(pid), load.messages);
    return { perSecond: load.messages / seconds, microseconds: cpuPer100k * 10, peakRssMiB };
  } finally {
    await Promise.all(clients.map((client) => client.endAsync()));
    await bridge.interrupt();
    await reader.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const mib = 2 ** 20;
const CASES: Readonly<Record<string, readonly Load[]>> = {
  routes: [1, 10, 100, 1_000, 10_000].map((routes) => ({ ...USUAL, routes })),
  rooms: [1, 100, 1_000, 10_000, 100_000].map((rooms) => ({
    ...USUAL,
    rooms,
    messages: Math.max(MESSAGES, rooms),
  })),
  // As many as make 100 MiB at most.
  bytes: [100, 1_000, 10_000, 100_000, mib].map((bytes) => ({
    ...USUAL,
    bytes,
    messages: Math.min(MESSAGES, Math.floor((100 * mib) / bytes)),
  })),
};

const results: object[] = [];
const front = await startMosquitto({
  settings: ['autosave_on_changes false', 'autosave_interval 1800', 'max_queued_messages 0'],
});
const classic = await startClassic();
for (const part of PARTS.filter((name) => parts.includes(name))) {
  const rows: string[][] = [];
  for (const load of CASES[part] ?? []) {
    const measured = await measure(front, classic, load);
    results.push({ part, ...load, ...measured });
    const { perSecond, microseconds, peakRssMiB } = measured;
    rows.push([
      String(load[part as keyof Load]),
      String(load.messages),
      perSecond.toFixed(0),
      microseconds.toFixed(0),
      peakRssMiB.toFixed(0),
    ]);
  }
  printTable(`As there are more ${part}`, [
    [part, 'messages', 'msg/s', 'bridge CPU µs a message', 'peak RSS MiB'],
    ...rows,
  ]);
}
await front.stop();
await classic.stop();
console.log(JSON.stringify({ machine: machine(), date: new Date().toISOString(), results }));

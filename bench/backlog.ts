import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mqtt from 'mqtt';
import type { Sink } from '../bridge/connectors/connector.js';
import { freePort, startArtemis, startClassic, type TestBroker } from '../test/support/brokers.js';
import { startFaultProxy } from '../test/support/fault-proxy.js';
import { connectJms } from './jms.js';
import { machine, printTable } from './report.js';

/**
 * `npm run bench:backlog -- --messages 1000000 --broker classic`: that many messages wait in a durable MQTT session while the
 * bridge's destination is not there; then it comes back. Prints the bridge's memory in both times, and the count of every message.
 */
const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    broker: { type: 'string', default: 'classic' },
  },
});
const MESSAGES = Number(values.messages);
const ROOMS = 100;
const CHUNK = 5_000;
/** Seconds that the bridge waits with its destination away. */
const AWAY = 30;
/** Seconds without a delivery after which nothing waits any more. */
const QUIET = 5;
const MAIN = fileURLToPath(new URL('../dist/bridge/main.js', import.meta.url));

const ID = 'backlog';

async function fill(broker: TestBroker): Promise<void> {
  const session = await mqtt.connectAsync({
    host: broker.host,
    port: broker.ports.mqtt,
    ...broker.accounts.bridge,
    clientId: `${ID}-drain`,
    clean: false,
  });
  await session.subscribeAsync(`${ID}/+/messages`, { qos: 1 });
  await session.endAsync();
  // MQTT a/b is the JMS topic a.b, and transactions fill it faster.
  const connection = await connectJms(broker, `${ID}-producer`);
  const sink = await connection.sink({ window: 1_000, sendTimeout: 300_000 });
  for (let first = 0; first < MESSAGES; first += CHUNK) {
    const numbers = Array.from({ length: Math.min(CHUNK, MESSAGES - first) }, (_, index) => first + index);
    await Promise.all(numbers.map((n) => send(sink, n)));
  }
  await connection.close();
}

const send = (sink: Sink, n: number) =>
  sink.send({
    to: { kind: 'topic', name: `${ID}.room${n % ROOMS}.messages` },
    body: JSON.stringify({ n, text: 'x' }).padEnd(200, ' '),
    properties: new Map(),
    persistent: true,
    id: `ID:${n}`,
    timestamp: Date.now(),
    qos: 1,
    retain: false,
  });

const mapping = (broker: TestBroker, sinkPort: number, httpPort: number) => `version: 1
brokers:
  source:
    type: ${broker.type}
    mqtt: mqtt://${broker.host}:${broker.ports.mqtt}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: ${ID}
  sink:
    type: ${broker.type}
    ${broker.type === 'activemq' ? 'stomp: stomp' : 'amqp: amqp'}://${broker.host}:${sinkPort}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: ${ID}-sink
routes:
  drain:
    from: { broker: source, mqtt: "${ID}/{room}/messages" }
    to: { broker: sink, queue: ${ID}-out, properties: { room: "{room}" } }
http: { port: ${httpPort} }
`;

/** Reads the queue until nothing more comes. */
async function count(broker: TestBroker): Promise<{ lost: number; duplicates: number; reordered: number }> {
  const seen = new Uint8Array(MESSAGES);
  const newest = new Int32Array(ROOMS).fill(-1);
  let different = 0;
  let duplicates = 0;
  let reordered = 0;
  let last = performance.now();
  const connection = await connectJms(broker, `${ID}-reader`);
  const pattern = { kind: 'queue', levels: [{ literal: `${ID}-out` }] } as const;
  const source = await connection.source({ kind: 'queue', pattern, window: 1_000 }, (delivery) => {
    const { n } = JSON.parse(String(delivery.message.body)) as { n: number };
    last = performance.now();
    if (seen[n] === 1) duplicates++;
    else {
      seen[n] = 1;
      different++;
      if (n < (newest[n % ROOMS] ?? 0)) reordered++;
      else newest[n % ROOMS] = n;
    }
    delivery.settle('accepted');
    source.grant(1);
  });
  source.grant(1_000);
  while (performance.now() - last < 5_000) await delay(500);
  await connection.close();
  return { lost: MESSAGES - different, duplicates, reordered };
}

const broker = await (values.broker === 'artemis' ? startArtemis() : startClassic({ heap: 1_024 }));
const folder = await mkdtemp(join(tmpdir(), 'bridge-backlog-'));
const sinkPort = (broker.type === 'activemq' ? broker.ports.stomp : broker.ports.amqp) ?? 0;
const proxy = await startFaultProxy(sinkPort);
try {
  console.log(`filling the session with ${MESSAGES} messages`);
  await fill(broker);
  proxy.refuse();
  const httpPort = await freePort();
  const file = join(folder, 'mapping.yaml');
  await writeFile(file, mapping(broker, proxy.port, httpPort));
  const { username, password } = broker.accounts.bridge;
  const bridge = spawn(process.execPath, [MAIN, 'run', file, '--log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ACTIVEMQ_USERNAME: username, ACTIVEMQ_PASSWORD: password },
  });
  const delivered = async () => {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/api/routes`).catch(() => undefined);
    return answer === undefined ? 0 : (((await answer.json()) as { delivered: number }[])[0]?.delivered ?? 0);
  };
  const memory = async (line: 'VmRSS' | 'VmHWM') => {
    const status = await readFile(`/proc/${bridge.pid}/status`, 'utf8');
    return Math.round(Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024);
  };
  await delay(AWAY * 1_000);
  const away = await memory('VmHWM');
  proxy.heal();
  const began = performance.now();
  while ((await delivered()) < MESSAGES) await delay(1_000);
  const seconds = (performance.now() - began) / 1_000;
  // What was handed over twice counts twice: others may still wait.
  for (let before = 0, now = await delivered(); now > before; now = await delivered()) {
    before = now;
    await delay(QUIET * 1_000);
  }
  const peak = await memory('VmHWM');
  bridge.kill('SIGTERM');
  await once(bridge, 'exit');
  const result = { broker: values.broker, away, peak, perSecond: Math.round(MESSAGES / seconds) };
  const counts = await count(broker);
  printTable(`${MESSAGES} messages of 200 bytes that waited in a durable MQTT session`, [
    ['broker', 'peak MiB, destination away', 'peak MiB', 'msg/s', 'lost', 'twice', 'out of order'],
    [
      result.broker,
      String(away),
      String(peak),
      String(result.perSecond),
      String(counts.lost),
      String(counts.duplicates),
      String(counts.reordered),
    ],
  ]);
  console.log(
    JSON.stringify({
      machine: machine(),
      date: new Date().toISOString(),
      messages: MESSAGES,
      ...result,
      ...counts,
    }),
  );
  process.exitCode = counts.lost + counts.reordered > 0 || peak > 200 ? 1 : 0;
} finally {
  await proxy.close();
  await broker.stop();
  await rm(folder, { recursive: true, force: true });
}

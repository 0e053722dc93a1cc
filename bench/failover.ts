import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import mqtt from 'mqtt';
import { connectAmqp } from '../bridge/connectors/amqp/connect.js';
import { parsePattern } from '../bridge/routing/pattern.js';
import { endpointOf } from '../test/contract/brokers-under-test.js';
import { brokerEnvironment } from '../test/support/bridge.js';
import { freePort, startArtemis, startClassic, type TestBroker } from '../test/support/brokers.js';
import { eventually } from '../test/support/eventually.js';
import { oneBroker } from '../test/support/mapping.js';
import { CommandLine } from '../test/support/up.js';
import { machine, printTable, spread } from './report.js';

/**
 * `npm run bench:failover -- --rounds 10`: a bridge is killed (SIGKILL) while it carries a message every 10 ms from MQTT to a queue; how long
 * until the next one comes out, with another bridge that stands by, and with one that is started anew in that moment, as a service manager would.
 */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const ROUNDS = Number(values.rounds);
/** Milliseconds between two messages. */
const EVERY = 10;

async function start(file: string, broker: TestBroker): Promise<{ process: CommandLine; url: string }> {
  const port = await freePort();
  const env = { ...brokerEnvironment(broker), HTTP_PORT: String(port) };
  return {
    process: new CommandLine(['run', file, '--log-level', 'error'], env),
    url: `http://127.0.0.1:${port}`,
  };
}

const answers = (url: string, path: string) => eventually(async () => (await fetch(url + path)).ok, 60_000);

interface Measured {
  /** Milliseconds. */
  readonly gaps: readonly number[];
  readonly lost: number;
}

async function measure(broker: TestBroker, withStandby: boolean): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-failover-'));
  const name = `failover-${withStandby ? 'standby' : 'alone'}`;
  const file = join(folder, 'mapping.yaml');
  await writeFile(
    file,
    `${oneBroker(broker.type, { clientId: name })}
${withStandby ? 'standby: { broker: mq }' : ''}
routes:
  rooms:
    from: { mqtt: "${name}/{room}", via: mqtt }
    to: { queue: ${name}, via: stomp }
http: { port: "\${HTTP_PORT}" }
`,
  );
  const arrived = new Set<number>();
  /** The first message that was published after the kill, and when it, or a later one, came out: milliseconds on the monotonic clock. */
  let after = Number.POSITIVE_INFINITY;
  let firstAfter = 0;
  const reader = await connectAmqp(
    { ...endpointOf(broker, 'amqp'), clientId: `${name}-reader` },
    new AbortController().signal,
  );
  const source = await reader.source(
    { kind: 'queue', pattern: parsePattern('queue', name), window: 100 },
    (delivery) => {
      const n = Number(delivery.message.body);
      arrived.add(n);
      if (n >= after && firstAfter === 0) firstAfter = performance.now();
      delivery.settle('accepted');
      source.grant(1);
    },
  );
  source.grant(100);
  const publisher = await mqtt.connectAsync({
    host: broker.host,
    port: broker.ports.mqtt,
    ...broker.accounts.ann,
  });

  let active = await start(file, broker);
  await answers(active.url, '/health/ready');
  let count = 0;
  const timer = setInterval(
    () => void publisher.publishAsync(`${name}/room`, String(count++), { qos: 1 }),
    EVERY,
  );
  const gaps: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const next = withStandby ? await start(file, broker) : undefined;
      if (next !== undefined) await answers(next.url, '/health/ready?standby=ok');
      const before = arrived.size;
      await eventually(() => arrived.size > before + 100, 60_000);
      active.process.signal('SIGKILL');
      const killed = performance.now();
      firstAfter = 0;
      after = count;
      await active.process.exited;
      active = next ?? (await start(file, broker));
      await eventually(() => firstAfter > 0, 60_000);
      gaps.push(firstAfter - killed);
      after = Number.POSITIVE_INFINITY;
      await answers(active.url, '/health/ready');
    }
    clearInterval(timer);
    await eventually(() => arrived.size === count, 60_000).catch(() => undefined);
    return { gaps, lost: count - arrived.size };
  } finally {
    clearInterval(timer);
    await active.process.interrupt();
    await publisher.endAsync();
    await reader.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const rows: string[][] = [];
const results: object[] = [];
for (const begin of [startClassic, startArtemis]) {
  const broker = await begin();
  for (const withStandby of [true, false]) {
    const { gaps, lost } = await measure(broker, withStandby);
    const beside = withStandby ? 'another stands by' : 'started anew';
    rows.push([broker.type, beside, spread(gaps), String(lost)]);
    results.push({ broker: broker.type, beside, gaps: gaps.map(Math.round), lost });
  }
  await broker.stop();
}
printTable(`Milliseconds from SIGKILL of the bridge until the next message comes out, ${ROUNDS} rounds`, [
  ['broker', '', 'ms', 'lost'],
  ...rows,
]);
console.log(JSON.stringify({ machine: machine(), date: new Date().toISOString(), rounds: ROUNDS, results }));

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connectAmqp } from '../bridge/connectors/amqp/connect.js';
import type { BridgeStatus } from '../bridge/status.js';
import { endpointOf } from '../test/contract/brokers-under-test.js';
import { message } from '../test/contract/jms-workbench.js';
import { accountFor } from '../test/support/accounting.js';
import { brokerEnvironment } from '../test/support/bridge.js';
import { freePort, startArtemis, startClassic, type TestBroker } from '../test/support/brokers.js';
import { eventually } from '../test/support/eventually.js';
import { oneBroker } from '../test/support/mapping.js';
import { CommandLine } from '../test/support/up.js';
import { machine, printTable, spread } from './report.js';

/**
 * `npm run bench:scale-out -- --messages 10000 --rounds 3`: 1, 2 and 4 bridges, in turns, share a queue whose messages have one of 100
 * groups, and send them on to another queue, while they are sent. Messages a second until the last one is delivered, and how many of them the
 * busiest bridge had; then every id is counted and each group's order checked.
 */
const { values } = parseArgs({
  options: { messages: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '3' } },
});
const MESSAGES = Number(values.messages);
const ROUNDS = Number(values.rounds);
const PROCESSES = [1, 2, 4] as const;
const ROOMS = 100;

interface Member {
  readonly process: CommandLine;
  delivered(): Promise<number>;
}

async function enter(broker: TestBroker, file: string, instance: number): Promise<Member> {
  const port = await freePort();
  const env = { ...brokerEnvironment(broker), HTTP_PORT: String(port), INSTANCE: String(instance) };
  const process = new CommandLine(['run', file, '--log-level', 'error'], env);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok);
  const delivered = async () =>
    ((await (await fetch(`${url}/health`)).json()) as BridgeStatus).routes[0]?.delivered ?? 0;
  return { process, delivered };
}

interface Measured {
  readonly perSecond: number;
  /** Part of the messages that the busiest bridge delivered. */
  readonly busiest: number;
  readonly lost: number;
  readonly reordered: number;
}

async function measure(broker: TestBroker, processes: number, round: number): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-scale-out-'));
  const name = `scale-${processes}-${round}`;
  const file = join(folder, 'mapping.yaml');
  await writeFile(
    file,
    `${oneBroker(broker.type, { clientId: `"${name}-\${INSTANCE}"` })}
routes:
  outbox:
    from: { queue: "${name}.in", via: amqp }
    to: { queue: "${name}.out", via: stomp, group: "{message.group}" }
    orderBy: "{message.group}"
http: { port: "\${HTTP_PORT}" }
`,
  );
  const members: Member[] = [];
  for (let instance = 0; instance < processes; instance++) members.push(await enter(broker, file, instance));
  const sender = await connectAmqp(
    { ...endpointOf(broker, 'amqp'), clientId: `${name}-sender` },
    new AbortController().signal,
  );
  try {
    const sink = await sender.sink({ window: 500, sendTimeout: 60_000 });
    const began = performance.now();
    const sent = Array.from({ length: MESSAGES }, (_, n) =>
      sink.send(
        message({ kind: 'queue', name: `${name}.in` }, JSON.stringify({ n }), { group: `room-${n % ROOMS}` }),
      ),
    );
    await Promise.all(sent);
    let counts: number[] = [];
    await eventually(async () => {
      counts = await Promise.all(members.map((member) => member.delivered()));
      return counts.reduce((sum, count) => sum + count, 0) >= MESSAGES;
    }, 120_000);
    const seconds = (performance.now() - began) / 1_000;
    const { arrived, reordered } = await accountFor(broker, `${name}.out`, { rooms: ROOMS, count: MESSAGES });
    return {
      perSecond: MESSAGES / seconds,
      busiest: Math.max(...counts) / MESSAGES,
      lost: MESSAGES - arrived.size,
      reordered,
    };
  } finally {
    await sender.close();
    await Promise.all(members.map(({ process }) => process.interrupt()));
    await rm(folder, { recursive: true, force: true });
  }
}

const rows: string[][] = [];
const results: object[] = [];
for (const start of [startClassic, startArtemis]) {
  const broker = await start();
  const measured = new Map<number, Measured[]>(PROCESSES.map((processes) => [processes, []]));
  // The first round is the JVM's warm-up.
  for (let round = 0; round <= ROUNDS; round++)
    for (const processes of PROCESSES) {
      const one = await measure(broker, processes, round);
      if (round > 0) measured.get(processes)?.push(one);
    }
  for (const [processes, all] of measured) {
    const sum = (key: 'lost' | 'reordered') => all.reduce((total, one) => total + one[key], 0);
    const busiest = all.map((one) => one.busiest * 100);
    const perSecond = all.map((one) => one.perSecond);
    rows.push([
      broker.type,
      String(processes),
      spread(perSecond),
      spread(busiest),
      String(sum('lost')),
      String(sum('reordered')),
    ]);
    results.push({
      broker: broker.type,
      processes,
      perSecond: perSecond.map(Math.round),
      busiest: busiest.map(Math.round),
      lost: sum('lost'),
      reordered: sum('reordered'),
    });
  }
  await broker.stop();
}
printTable(`${MESSAGES} messages in ${ROOMS} groups, ${ROUNDS} rounds`, [
  ['broker', 'bridges', 'msg/s', 'busiest has %', 'lost', 'out of order'],
  ...rows,
]);
console.log(
  JSON.stringify({
    machine: machine(),
    date: new Date().toISOString(),
    messages: MESSAGES,
    rounds: ROUNDS,
    results,
  }),
);

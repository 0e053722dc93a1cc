import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { BridgeStatus } from '../../bridge/status.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { forever, message } from '../contract/jms-workbench.js';
import { accountFor } from '../support/accounting.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { oneBroker } from '../support/mapping.js';
import { uniqueName } from '../support/names.js';
import { CommandLine } from '../support/up.js';

const ROOMS = 40;

/** docs/scaling.md: several bridges, each with a client id of its own, read one queue whose messages have a group. */
describe.each([
  { name: 'Classic', type: 'activemq', start: startClassic },
  { name: 'Artemis', type: 'artemis', start: startArtemis },
] as const)('bridges that share a queue on $name', ({ type, start }) => {
  let broker: TestBroker;
  let folder = '';
  beforeAll(async () => {
    broker = await start();
    folder = await mkdtemp(join(tmpdir(), 'bridge-scale-out-'));
  });
  afterAll(async () => {
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function startBridge(file: string, instance: string) {
    const port = await freePort();
    const process = new CommandLine(['run', file, '--log-level', 'error'], {
      ...brokerEnvironment(broker),
      HTTP_PORT: String(port),
      INSTANCE: instance,
    });
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok);
    const received = async () =>
      ((await (await fetch(`${url}/health`)).json()) as BridgeStatus).routes[0]?.received ?? 0;
    return { process, received };
  }

  it('each takes rooms of its own; when one is killed the others take over its rooms, in order, without a loss', async () => {
    const name = uniqueName('shared');
    const file = join(folder, `${name}.yaml`);
    await writeFile(
      file,
      `${oneBroker(type, { clientId: `"${name}-\${INSTANCE}"`, lanes: 2 })}
routes:
  outbox:
    from: { queue: "${name}.in", via: amqp }
    to: { queue: "${name}.out", via: amqp, group: "{message.group}" }
    orderBy: "{message.group}"
    inFlight: 10
http: { port: "\${HTTP_PORT}" }
`,
    );
    const first = await startBridge(file, 'a');
    const others = [await startBridge(file, 'b'), await startBridge(file, 'c')];
    const endpoint = { ...endpointOf(broker, 'amqp'), clientId: uniqueName('sender') };
    const sender = await connectAmqp(endpoint, forever());
    const sink = await sender.sink({ window: 200, sendTimeout: 30_000 });
    const send = async (from: number, to: number) => {
      const rooms = Array.from({ length: ROOMS }, async (_, room) => {
        for (let n = from + room; n < to; n += ROOMS)
          await sink.send(
            message({ kind: 'queue', name: `${name}.in` }, JSON.stringify({ n }), { group: `room-${room}` }),
          );
      });
      await Promise.all(rooms);
    };
    const all = [first, ...others];
    // Before any answer comes the brokers give each bridge what it takes at first: some rooms to each.
    for (const { process } of all) process.signal('SIGSTOP');
    try {
      await send(0, 800);
    } finally {
      for (const { process } of all) process.signal('SIGCONT');
    }
    await eventually(async () =>
      (await Promise.all(all.map(({ received }) => received()))).every((count) => count > 0),
    );
    const sending = send(800, 2_400);
    first.process.signal('SIGKILL');
    await first.process.exited;
    await sending;

    const { arrived, reordered } = await accountFor(broker, `${name}.out`, { rooms: ROOMS, count: 2_400 });
    expect(arrived.size).toBe(2_400);
    expect(reordered).toBe(0);
    await sender.close();
    await Promise.all(others.map(({ process }) => process.interrupt()));
  });
});

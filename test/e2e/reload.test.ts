import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BridgeStatus, ReloadOutcome } from '../../bridge/status.js';
import { accountFor } from '../support/accounting.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { oneBroker } from '../support/mapping.js';
import { uniqueName } from '../support/names.js';
import { CommandLine } from '../support/up.js';

const ROOMS = 10;
const PER_SECOND = 500;

describe('a running bridge whose mapping file changes', () => {
  let broker: TestBroker;
  let folder = '';
  let bridge: CommandLine;
  let base = '';
  let file = '';
  let id = '';

  beforeAll(async () => {
    broker = await startClassic();
    folder = await mkdtemp(join(tmpdir(), 'bridge-reload-'));
  });
  afterEach(() => bridge?.interrupt());
  afterAll(async () => {
    await broker?.stop();
    await rm(folder, { recursive: true });
  });

  async function start(routes: string): Promise<void> {
    id = uniqueName('reload');
    file = join(folder, `${id}.yaml`);
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    await write(routes, port);
    bridge = new CommandLine(['--log-format', 'json', 'run', file], brokerEnvironment(broker));
    await eventually(async () => (await fetch(`${base}/health/ready`)).status === 200);
  }

  /** `ID` stands for a name that no other test uses. */
  const write = (routes: string, port = Number(new URL(base).port)) =>
    writeFile(
      file,
      `${oneBroker('activemq', { clientId: id })}
http: { port: ${port} }
routes:
${routes.replaceAll('ID', id)}`,
    );

  const health = async () => (await (await fetch(`${base}/health`)).json()) as BridgeStatus;
  const isReady = () => eventually(async () => (await health()).ready);
  const post = async (): Promise<ReloadOutcome> => {
    const answer = await fetch(`${base}/api/reload`, { method: 'POST' });
    return (await answer.json()) as ReloadOutcome;
  };
  const isIdle = (outcome: ReloadOutcome) =>
    outcome.ok &&
    [outcome.changes.added, outcome.changes.changed, outcome.changes.removed].flat().length === 0;
  /**
   * Waits for the outcome of a reload that something else than HTTP asked for. One that finds nothing new is that of the file's watch, which
   * sees what HTTP or a signal has taken already.
   */
  const reloadedAfter = (before: BridgeStatus) =>
    eventually(async () => {
      const { lastReload } = await health();
      const isNew = lastReload !== undefined && lastReload.at !== before.lastReload?.at;
      return isNew && !isIdle(lastReload) ? lastReload : undefined;
    });

  const STEADY = '  steady: { from: { mqtt: "ID/steady/{room}" }, to: { queue: ID.steady } }\n';
  const moving = (mark: string) =>
    `  moving: { from: { mqtt: "ID/moving/{room}" }, to: { queue: ID.moving, properties: { mark: ${mark} } } }\n`;

  it('goes over to the new rules while messages flow: none is lost or overtaken, and the other routes notice nothing', async () => {
    await start(STEADY + moving('one'));
    const steadySince = (status: BridgeStatus) =>
      status.connections.filter(({ name }) => name.startsWith('steady ')).map(({ since }) => since);
    const before = await health();
    const publisher = await publish(broker, [`${id}/steady`, `${id}/moving`]);

    await write(STEADY + moving('two'));
    expect(await reloadedAfter(before)).toMatchObject({
      ok: true,
      changes: { unchanged: ['steady'], changed: ['moving'], added: [], removed: [] },
    });
    await isReady();

    await write(`${STEADY}${moving('three')}  more: { from: { mqtt: "ID/more" }, to: { queue: ID.more } }\n`);
    expect(await post()).toMatchObject({ ok: true, changes: { changed: ['moving'], added: ['more'] } });
    await isReady();

    const beforeSignal = await health();
    await write(STEADY + moving('four'));
    bridge.signal('SIGHUP');
    expect(await reloadedAfter(beforeSignal)).toMatchObject({
      ok: true,
      changes: {
        changed: ['moving'],
        removed: ['more'],
        left: [`the MQTT session of client id ${id}-more on mq`],
      },
    });
    await isReady();

    const count = await publisher.stop();
    const steady = await accountFor(broker, `${id}.steady`, { rooms: ROOMS, count });
    const moved = await accountFor(broker, `${id}.moving`, { rooms: ROOMS, count });
    expect({
      arrived: steady.arrived.size,
      duplicates: steady.duplicates,
      reordered: steady.reordered,
    }).toEqual({ arrived: count, duplicates: 0, reordered: 0 });
    expect({ arrived: moved.arrived.size, reordered: moved.reordered }).toEqual({
      arrived: count,
      reordered: 0,
    });
    // A drain that runs into its deadline leaves at most what is in flight, and that three times.
    expect(moved.duplicates).toBeLessThanOrEqual(3 * 1_000);
    expect(steadySince(await health())).toEqual(steadySince(before));
  });

  it('takes what waited under an old address where the new one has room for it too', async () => {
    const route = (pattern: string) =>
      `  r: { from: { mqtt: "${pattern}" }, to: { queue: ID.out }, inFlight: 2 }\n`;
    await start(route('ID/{x}/old'));
    await bridge.interrupt();
    const { host, ports, accounts } = broker;
    const client = await mqtt.connectAsync({ host, port: ports.mqtt, ...accounts.ann, reconnectPeriod: 0 });
    const count = 300;
    for (let n = 0; n < count; n++)
      await client.publishAsync(`${id}/a/old`, JSON.stringify({ n }), { qos: 1 });
    await client.endAsync();
    bridge = new CommandLine(['--log-format', 'json', 'run', file], brokerEnvironment(broker));
    await eventually(async () => (await fetch(`${base}/health/live`)).status === 200);
    await write(route('ID/{x}/{y}'));
    expect(await post()).toMatchObject({ ok: true, changes: { changed: ['r'] } });
    const { arrived } = await accountFor(broker, `${id}.out`, { rooms: ROOMS, count });
    expect(arrived.size).toBe(count);
  });

  it('changes nothing for a file with a mistake, and says so in log and health', async () => {
    await start(STEADY);
    const before = await health();
    await write(`${STEADY}  broken: { from: { mqtt: "ID/{x" }, to: { que: out } }\n`);
    const outcome = await reloadedAfter(before);
    if (outcome.ok) throw new Error('the file has mistakes');
    expect(outcome.problems[0]).toMatch(/\.yaml:\d+:\d+: error: /);
    expect(outcome.problems.join('\n')).toContain('unknown key "que"');
    expect((await health()).connections).toEqual(before.connections);
    expect((await fetch(`${base}/health/ready`)).status).toBe(200);
    await bridge.says(/mapping\.refused/);
    await bridge.says(/unknown key \\"que\\"/);

    expect((await fetch(`${base}/api/reload`, { method: 'POST' })).status).toBe(422);
    await write(STEADY);
    expect(await post()).toMatchObject({ ok: true, changes: { unchanged: ['steady'], changed: [] } });
  });

  it('says which settings wait for the next start', async () => {
    await start(STEADY);
    await write(STEADY, 1);
    expect(await post()).toMatchObject({
      ok: true,
      notes: [expect.stringContaining('the rest at the next start')],
    });
  });
});

/** Publishes the same numbers under each prefix, a room in its order, until stopped; each one acknowledged. */
async function publish(broker: TestBroker, prefixes: readonly string[]) {
  const client = await mqtt.connectAsync({
    host: broker.host,
    port: broker.ports.mqtt,
    ...broker.accounts.ann,
    reconnectPeriod: 0,
  });
  let next = 0;
  const acknowledged: Promise<unknown>[] = [];
  const timer = setInterval(() => {
    for (let i = 0; i < PER_SECOND / 50; i++) {
      const n = next++;
      for (const prefix of prefixes)
        acknowledged.push(
          client.publishAsync(`${prefix}/room${n % ROOMS}`, JSON.stringify({ n }), { qos: 1 }),
        );
    }
  }, 20);
  return {
    /** Resolves with how many numbers were published, once the broker has acknowledged them. */
    async stop(): Promise<number> {
      clearInterval(timer);
      await Promise.all(acknowledged);
      await client.endAsync();
      return next;
    },
  };
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { deadLetterVerbs } from '../../bridge/dead-letters.js';
import type { Message } from '../../bridge/message/message.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { brokerEnvironment, startBridge } from '../support/bridge.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import { oneBroker } from '../support/mapping.js';
import { uniqueName } from '../support/names.js';
import { CommandLine } from '../support/up.js';

describe.each([
  { type: 'activemq', start: startClassic },
  { type: 'artemis', start: startArtemis },
] as const)('dead-letters on $type', ({ type, start }) => {
  let broker: TestBroker;
  let folder = '';
  beforeAll(async () => {
    broker = await start({ writable: 'test' });
    folder = await mkdtemp(join(tmpdir(), 'dead-letters-'));
  });
  afterAll(async () => {
    await broker?.stop();
    await rm(folder, { recursive: true });
  });

  async function mapping(id: string, destination: string, more = ''): Promise<string> {
    const file = join(folder, `${id}.yaml`);
    await writeFile(
      file,
      `${oneBroker(type, { clientId: id })}
routes:
  carry:
    from: { mqtt: "test/${id}/{room}" }
    to:
      - { queue: "test.${id}.q.copy" }
      - { queue: "${destination}", properties: { room: "{room}" }${more} }
    deadLetter: test.${id}.q.dead
`,
    );
    return file;
  }

  async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
    const command = new CommandLine(['dead-letters', ...args], brokerEnvironment(broker));
    return { code: await command.exited, output: command.output };
  }

  async function read(queue: string): Promise<readonly Message[]> {
    const endpoint = { ...endpointOf(broker, 'amqp'), clientId: uniqueName('reader') };
    const connection = await connectAmqp(endpoint, new AbortController().signal);
    const got: Message[] = [];
    const levels = queue.split('.').map((literal) => ({ literal }));
    const spec = { kind: 'queue', pattern: { kind: 'queue', levels }, window: 100 } as const;
    const source = await connection.source(spec, (delivery) => {
      got.push(delivery.message);
      delivery.settle('accepted');
    });
    source.grant(100);
    await source.drain?.();
    await connection.close();
    return got;
  }

  it('lists them, keeps those that cannot be sent after all, and removes them', async () => {
    const id = uniqueName('id');
    const file = await mapping(id, `forbidden.${id}`);
    const bridge = await startBridge(file, brokerEnvironment(broker));
    const member = await joinChat(broker, 'ann');
    for (const text of ['one', 'two', 'three']) await member.publish(`test/${id}/lobby`, text);
    await eventually(() => bridge.status().routes[0]?.deadLettered === 3);
    await member.leave();
    await bridge.end();

    const listed = await run(file, 'list');
    expect(listed.code).toBe(0);
    expect(listed.output).toContain(`from mqtt test/${id}/lobby to queue forbidden.${id} on mq`);
    expect(listed.output).toContain('body: "one"');
    const json = JSON.parse(
      (await run(file, 'list', '--format', 'json', '--limit', '2')).output,
    ) as unknown[];
    expect(json).toHaveLength(2);
    expect(json[0]).toMatchObject({
      route: 'carry',
      reason: 'destination-refused',
      attempts: expect.any(Number),
      body: 'one',
    });

    const still = await run(file, 'replay', '--route', 'carry');
    expect(still.code).toBe(1);
    expect(still.output).toMatch(/stays: .* carry destination-refused/);
    expect(still.output).toContain('0 replayed, 3 stay');

    await mapping(id, `test.${id}.q.allowed`);
    const moved = await run(file, 'replay', '--route', 'carry');
    expect(moved.output).toContain(`the rule has no destination queue forbidden.${id} on mq any more`);
    expect((await run(file, 'list')).output.match(/carry destination-refused/g)).toHaveLength(3);

    expect((await run(file, 'drop', '--reason', 'no-such-reason')).output).toContain('0 dropped');
    expect(await run(file, 'drop')).toMatchObject({ code: 2, output: expect.stringContaining('--all') });
    const [, second = ''] = [...listed.output.matchAll(/^ {2}id: (.+)$/gm)].map(([, one = '']) => one);
    expect((await run(file, 'drop', '--id', second)).output).toContain('1 dropped');
    expect((await run(file, 'list')).output).not.toContain('body: "two"');
    const dropped = await run(file, 'drop', '--all');
    expect(dropped).toMatchObject({ code: 0, output: expect.stringContaining('2 dropped') });
    expect((await run(file, 'list')).output).toContain('no dead letters');
  });

  it('looks at more of them than at a time, shortened, and drops one alone', async () => {
    const id = uniqueName('id');
    const file = await mapping(id, `test.${id}.q.out`, ', as: text');
    const bridge = await startBridge(file, brokerEnvironment(broker));
    const member = await joinChat(broker, 'ann');
    const noText = Buffer.concat([Buffer.from('beginning'), Buffer.alloc(5_000, 0xff)]);
    for (let n = 0; n < 45; n++) await member.publish(`test/${id}/${n}`, noText);
    await eventually(() => bridge.status().routes[0]?.deadLettered === 45);
    await member.leave();
    const verbs = deadLetterVerbs(() => bridge.rules());
    const { signal } = new AbortController();
    const ids = async (limit: number) => {
      const { letters, unread } = await verbs.survey({ route: 'carry' }, limit, signal);
      expect(unread).toEqual([]);
      for (const letter of letters) {
        expect(letter.bytes).toBe(noText.length);
        expect(letter.body).toMatch(/^beginning/);
        expect(letter.body?.length).toBeLessThan(1_100);
      }
      return letters.map((letter) => letter.id);
    };
    const all = await ids(100);
    expect(new Set(all).size).toBe(45);
    expect(await ids(33)).toEqual(all.slice(0, 33));
    expect((await verbs.survey({}, 33, signal)).more).toBe(true);

    const [chosen = ''] = all.slice(30);
    const dropped: string[] = [];
    await verbs.drop({ id: chosen }, ({ letter }) => dropped.push(letter.id ?? ''), signal);
    expect(dropped).toEqual([chosen]);
    expect(await ids(100)).toEqual(all.filter((one) => one !== chosen));
    await verbs.drop({}, () => {}, signal);
    await bridge.end();
  });

  it('sends a message only to the destination that did not get it, as the rule says now', async () => {
    const id = uniqueName('id');
    const file = await mapping(id, `test.${id}.q.out`, ', as: text');
    const bridge = await startBridge(file, brokerEnvironment(broker));
    const member = await joinChat(broker, 'ann');
    await member.publish(`test/${id}/lobby`, Buffer.from([0xff]));
    await eventually(() => bridge.status().routes[0]?.deadLettered === 1);
    await member.leave();
    await bridge.end();
    expect((await run(file, 'replay', '--all')).output).toContain('the body is not UTF-8');

    await mapping(id, `test.${id}.q.out`);
    expect(await run(file, 'replay', '--all')).toMatchObject({
      code: 0,
      output: expect.stringContaining('1 replayed'),
    });
    const [sent, ...others] = await read(`test.${id}.q.out`);
    expect(others).toEqual([]);
    expect(sent?.body).toEqual(Buffer.from([0xff]));
    expect(sent?.properties.get('room')).toBe('lobby');
    expect(await read(`test.${id}.q.copy`)).toHaveLength(1);
    expect(await read(`test.${id}.q.dead`)).toEqual([]);
  });
});

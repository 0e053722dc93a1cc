import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../bridge/config/load.js';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { replayDeadLetters } from '../../bridge/dead-letters.js';
import type { Message } from '../../bridge/message/message.js';
import type { RouteStatus } from '../../bridge/status.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { brokerEnvironment, CHAT_MAPPING, startBridge, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { chatMessage, joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';

/** How often a message is sent on before it is a dead letter, without `limits.hops` in the rule. */
const ROUNDS = 8;

let classic: TestBroker;
let artemis: TestBroker;
let mosquitto: TestBroker;
let folder = '';
const running: TestBridge[] = [];

beforeAll(async () => {
  [classic, artemis, mosquitto] = await Promise.all([startClassic(), startArtemis(), startMosquitto()]);
  folder = await mkdtemp(join(tmpdir(), 'loops-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((bridge) => bridge.end()));
});
afterAll(async () => {
  await Promise.all([classic, artemis, mosquitto].map((broker) => broker?.stop()));
  await rm(folder, { recursive: true });
});

const environment = () => ({
  ...brokerEnvironment(classic),
  ...brokerEnvironment(artemis, 'ARTEMIS'),
  ...brokerEnvironment(mosquitto, 'MOSQUITTO'),
});

/** A broker of a mapping file under any name, reached at `host`. */
function broker(name: string, { type }: TestBroker, { host = '127.0.0.1', more = '' } = {}): string {
  const prefix = { activemq: 'ACTIVEMQ', artemis: 'ARTEMIS', mqtt: 'MOSQUITTO' }[type];
  const protocols = type === 'mqtt' ? ['mqtt'] : ['mqtt', 'amqp', 'stomp'];
  const urls = protocols.map((one) => `${one}: "${one}://${host}:\${${prefix}_${one.toUpperCase()}_PORT}"`);
  const account = `username: "\${${prefix}_USERNAME}", password: "\${${prefix}_PASSWORD}"`;
  return `  ${name}: { type: ${type}, ${urls.join(', ')}, ${account}, clientId: ${uniqueName('bridge')}${more} }\n`;
}

async function start(brokers: string, routes: string): Promise<TestBridge> {
  const file = join(folder, `${uniqueName('mapping')}.yaml`);
  await writeFile(file, `version: 1\nbrokers:\n${brokers}routes:\n${routes}`);
  const bridge = await startBridge(file, environment());
  running.push(bridge);
  return bridge;
}

const route = (bridge: TestBridge, name: string): RouteStatus => {
  const found = bridge.status().routes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no route ${name}`);
  return found;
};

const endpoint = (of: TestBroker, protocol: 'amqp' | 'stomp') => ({
  ...endpointOf(of, protocol),
  clientId: uniqueName('test'),
});

/** Over the protocol that both of a broker's ways of reading can acknowledge: on Classic STOMP cannot what came over AMQP. */
async function send(
  to: TestBroker,
  queue: string,
  bodies: readonly string[],
  properties: ReadonlyMap<string, string> = new Map([['sender', 'ann']]),
): Promise<void> {
  const [connect, protocol] =
    to.type === 'activemq' ? ([connectStomp, 'stomp'] as const) : ([connectAmqp, 'amqp'] as const);
  const connection = await connect(endpoint(to, protocol), new AbortController().signal);
  const sink = await connection.sink({ sendTimeout: 10_000, window: 100 });
  for (const body of bodies)
    await sink.send({
      to: { kind: 'queue', name: queue },
      body,
      properties,
      id: `ID:${uniqueName('message')}`,
      persistent: true,
      timestamp: Date.now(),
      qos: 1,
      retain: false,
    });
  await connection.close();
}

/** Everything that is on a queue now, taken out. */
async function read(from: TestBroker, queue: string): Promise<readonly Message[]> {
  const connection = await connectAmqp(endpoint(from, 'amqp'), new AbortController().signal);
  const got: Message[] = [];
  const levels = queue.split('.').map((literal) => ({ literal }));
  const pattern = { kind: 'queue', levels } as const;
  const source = await connection.source({ kind: 'queue', pattern, window: 1_000 }, (delivery) => {
    got.push(delivery.message);
    delivery.settle('accepted');
  });
  source.grant(1_000);
  await source.drain?.();
  await connection.close();
  return got;
}

const texts = (messages: readonly Message[]) => messages.map(({ body }) => String(body)).toSorted();

/** Resolves when this many have come to their end in a circle of these routes; `rounds` is how often they were sent on. */
async function endOf(count: number, routes: () => readonly RouteStatus[]): Promise<{ rounds: number }> {
  await eventually(() => {
    const ended = routes().reduce((sum, { deadLettered }) => sum + deadLettered, 0);
    return ended >= count && routes().every(({ inFlight }) => inFlight === 0);
  });
  return { rounds: routes().reduce((sum, { delivered }) => sum + delivered, 0) / count };
}

const BODIES = ['one', 'two', 'three', 'three', 'four'];

describe('two bridges whose rules feed each other in a circle', () => {
  it.each([
    ['Classic', () => classic, ''],
    ['Classic, read over STOMP', () => classic, ', via: stomp'],
    ['Artemis', () => artemis, ''],
  ] as const)('end it over JMS queues on %s, and other messages pass', async (_, of, via) => {
    const id = uniqueName('loop');
    const mq = of();
    const one = await start(
      broker('mq', mq),
      `  there: { from: { queue: ${id}.left${via} }, to: { queue: ${id}.right, copyProperties: true }, deadLetter: ${id}.dead }
  other: { from: { queue: ${id}.in }, to: { queue: ${id}.out } }
`,
    );
    const two = await start(
      broker('mq', mq),
      `  back: { from: { queue: ${id}.right${via} }, to: { queue: ${id}.left }, deadLetter: ${id}.dead }\n`,
    );
    await send(mq, `${id}.left`, BODIES);
    await send(mq, `${id}.in`, BODIES);
    const circle = () => [route(one, 'there'), route(two, 'back')];
    expect(await endOf(BODIES.length, circle)).toEqual({ rounds: ROUNDS });
    expect(circle().map(({ deadLetterReasons }) => deadLetterReasons)).toEqual([
      { 'loop-detected': BODIES.length },
      {},
    ]);
    await eventually(() => route(one, 'other').delivered === BODIES.length);

    const dead = await read(mq, `${id}.dead`);
    expect(texts(dead)).toEqual(BODIES.toSorted());
    expect(new Set(dead.map(({ properties }) => String(properties.get('bridge_hops'))))).toEqual(
      new Set(['8']),
    );
    expect(dead[0]?.properties.get('bridge_reason')).toBe('loop-detected');
    expect(dead[0]?.properties.get('bridge_error')).toContain('has passed 8 bridges');
    expect(await read(mq, `${id}.left`)).toEqual([]);
    expect(await read(mq, `${id}.right`)).toEqual([]);
    const others = await read(mq, `${id}.out`);
    expect(texts(others)).toEqual(BODIES.toSorted());
    expect(others.map(({ properties }) => String(properties.get('bridge_hops')))).toEqual(
      BODIES.map(() => '1'),
    );
  });

  it('leave dead letters that can be replayed once the circle is open', async () => {
    const id = uniqueName('loop');
    const rules = (name: string, from: string, to: string) =>
      `  ${name}: { from: { queue: ${id}.${from} }, to: { queue: ${id}.${to} }, deadLetter: ${id}.dead }\n`;
    const file = join(folder, `${id}.yaml`);
    await writeFile(
      file,
      `version: 1\nbrokers:\n${broker('mq', classic)}routes:\n${rules('there', 'left', 'right')}`,
    );
    const one = await startBridge(file, environment());
    running.push(one);
    const two = await start(broker('mq', classic), rules('back', 'right', 'left'));
    await send(classic, `${id}.left`, BODIES);
    await endOf(BODIES.length, () => [route(one, 'there'), route(two, 'back')]);
    await Promise.all([one.end(), two.end()]);

    const loaded = await loadConfig(file, environment());
    if (!loaded.ok) throw new Error('the file was right before');
    const problems: unknown[] = [];
    const stop = new AbortController().signal;
    await replayDeadLetters(
      loaded.config,
      { reason: 'loop-detected' },
      ({ problem }) => problems.push(problem),
      stop,
    );
    expect(problems).toEqual(BODIES.map(() => undefined));
    const sent = await read(classic, `${id}.right`);
    expect(texts(sent)).toEqual(BODIES.toSorted());
    expect(sent.map(({ properties }) => String(properties.get('bridge_hops')))).toEqual(
      BODIES.map(() => '1'),
    );
    expect(await read(classic, `${id}.dead`)).toEqual([]);
  });

  it('end it over a queue and an MQTT 5 topic of Mosquitto', async () => {
    const id = uniqueName('loop');
    const brokers = () => broker('mq', classic) + broker('front', mosquitto, { more: ', mqttVersion: 5' });
    const one = await start(
      brokers(),
      `  there: { from: { broker: mq, queue: ${id}.q }, to: { broker: front, mqtt: ${id}/t }, deadLetter: ${id}.dead }\n`,
    );
    const two = await start(
      brokers(),
      `  back: { from: { broker: front, mqtt: ${id}/t }, to: { broker: mq, queue: ${id}.q }, deadLetter: ${id}.dead }\n`,
    );
    await send(classic, `${id}.q`, BODIES);
    expect(await endOf(BODIES.length, () => [route(one, 'there'), route(two, 'back')])).toEqual({
      rounds: ROUNDS,
    });
    expect(texts(await read(classic, `${id}.dead`))).toEqual(BODIES.toSorted());
  });
});

describe('one bridge that feeds itself over MQTT 3.1.1, through two names of a broker', () => {
  it.each([
    ['Mosquitto', () => mosquitto, ''],
    ['Classic, written over STOMP', () => classic, ''],
    ['Classic, written over MQTT', () => classic, ', via: mqtt'],
    ['Artemis', () => artemis, ''],
  ] as const)('ends it on %s, and other messages pass', async (_, of, via) => {
    const id = uniqueName('loop');
    const mq = of();
    const bridge = await start(
      broker('numbered', mq) + broker('named', mq, { host: 'localhost' }),
      `
  there: { from: { broker: numbered, mqtt: "${id}/left/{x}" }, to: { broker: named, mqtt: "${id}/right/{x}"${via} }, deadLetter: ${id}.dead }
  back: { from: { broker: numbered, mqtt: "${id}/right/{x}" }, to: { broker: named, mqtt: "${id}/left/{x}"${via} }, deadLetter: ${id}.dead }
  other: { from: { broker: numbered, mqtt: "${id}/in/{x}" }, to: { broker: named, mqtt: "${id}/out/{x}"${via} } }
`,
    );
    const [ann, bob] = await Promise.all([joinChat(mq, 'ann'), joinChat(mq, 'bob')]);
    const heard: string[] = [];
    await bob.listenAll(`${id}/out/+`, (_topic, payload) => heard.push(String(payload)));
    const dead: string[] = [];
    // On Artemis that would be the address of the dead-letter queue.
    if (mq.type === 'mqtt')
      await bob.listenAll(`${id}/dead`, (_topic, payload) => dead.push(String(payload)));
    // Two people say the same at once, beside different things and elsewhere.
    const lines = [...BODIES, 'ok'];
    await Promise.all([
      ...BODIES.map((line) => ann.publish(`${id}/left/a`, line)),
      bob.publish(`${id}/left/a`, 'ok'),
      ...lines.map((line) => ann.publish(`${id}/in/a`, line)),
    ]);
    const circle = () => [route(bridge, 'there'), route(bridge, 'back')];
    expect(await endOf(lines.length, circle)).toEqual({ rounds: ROUNDS });
    expect(circle().map(({ deadLetterReasons }) => deadLetterReasons)).toEqual([
      { 'loop-detected': lines.length },
      {},
    ]);
    await eventually(() => heard.length === lines.length);
    expect(heard.toSorted()).toEqual(lines.toSorted());
    if (mq.type === 'mqtt') {
      await eventually(() => dead.length === lines.length);
      expect(dead.toSorted()).toEqual(lines.toSorted());
    } else expect(texts(await read(mq, `${id}.dead`))).toEqual(lines.toSorted());
    await Promise.all([ann.leave(), bob.leave()]);
  });
});

describe('the chat mapping that ships', () => {
  it('brings every one of the equal lines that people and a program say in a room', async () => {
    const room = uniqueName('room');
    const bridge = await startBridge(CHAT_MAPPING, brokerEnvironment(classic));
    running.push(bridge);
    const [ann, bob] = await Promise.all([joinChat(classic, 'ann'), joinChat(classic, 'bob')]);
    const line = JSON.stringify({ type: 'text', from: 'somebody', text: 'ok' });
    const heard: string[] = [];
    const listener = await connectAsync(`mqtt://127.0.0.1:${classic.ports.mqtt}`, {
      ...classic.accounts.ann,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    listener.on('message', (_topic, payload) => heard.push(String(payload)));
    await listener.subscribeAsync(`chat/${room}/messages`, { qos: 1 });
    const times = Array.from({ length: 20 }, () => line);
    await Promise.all([
      ...times.map((text) => ann.publish(`chat/${room}/messages`, text)),
      ...times.map((text) => bob.publish(`chat/${room}/messages`, text)),
      send(classic, 'chat-outbox', times, new Map([['room', room]])),
    ]);
    await ann.publish(`chat/${room}/messages`, chatMessage('ann', 'bye'));
    await eventually(() => route(bridge, 'room-to-jms').delivered >= 61);
    await eventually(() => heard.length === 61);
    expect(heard.filter((text) => text === line)).toHaveLength(60);
    expect(bridge.status().routes.map(({ name, deadLettered }) => [name, deadLettered])).toEqual([
      ['room-to-jms', 0],
      ['room-commands', 0],
      ['jms-to-room', 0],
      ['answers-to-room', 0],
    ]);
    const archived = (await read(classic, 'chat-archive')).filter(
      ({ properties }) => properties.get('room') === room,
    );
    expect(archived.filter(({ body }) => String(body) === line)).toHaveLength(60);
    const hops = archived.map(({ properties }) => String(properties.get('bridge_hops')));
    expect(hops.filter((count) => count === '2')).toHaveLength(20);
    expect(hops.filter((count) => count === '1')).toHaveLength(41);
    await Promise.all([ann.leave(), bob.leave(), listener.endAsync()]);
  });
});

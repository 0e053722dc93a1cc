import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Connection } from '../../bridge/connectors/connector.js';
import type { Message } from '../../bridge/message/message.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { brokerEnvironment, startBridge, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { type ChatMember, chatMessage, joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import { javaRequest, javaSend, javaServe } from '../support/java.js';
import { uniqueName } from '../support/names.js';

/** Each file that ships, run on the brokers that it is for; chat.yaml has tests of its own. */

const mapping = (name: string) => fileURLToPath(new URL(`../../mappings/${name}`, import.meta.url));

const bridges: TestBridge[] = [];
const members: ChatMember[] = [];
const readers: Connection[] = [];
afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.leave()));
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
  await Promise.all(bridges.splice(0).map((bridge) => bridge.end()));
});

async function start(name: string, env: Record<string, string>): Promise<TestBridge> {
  const bridge = await startBridge(mapping(name), env);
  bridges.push(bridge);
  return bridge;
}

async function join(broker: TestBroker): Promise<ChatMember> {
  const member = await joinChat(broker, 'ann');
  members.push(member);
  return member;
}

/** Everything that comes there from now on, over AMQP. */
async function read(broker: TestBroker, kind: 'queue' | 'topic', name: string): Promise<readonly Message[]> {
  const endpoint = { ...endpointOf(broker, 'amqp'), clientId: uniqueName('reader') };
  const connection = await connectAmqp(endpoint, new AbortController().signal);
  readers.push(connection);
  const got: Message[] = [];
  const levels = name.split('.').map((literal) => ({ literal }));
  const source = await connection.source({ kind, pattern: { kind, levels }, window: 1_000 }, (delivery) => {
    got.push(delivery.message);
    delivery.settle('accepted');
  });
  source.grant(10_000);
  return got;
}

const texts = (messages: readonly Message[]) =>
  messages.map(({ body }) => (JSON.parse(String(body)) as { text: string }).text);

describe('mappings for ActiveMQ Classic', () => {
  let classic: TestBroker;
  beforeAll(async () => {
    classic = await startClassic();
  });
  afterAll(() => classic?.stop());

  const jms = (queue: string) => ({
    client: 'openwire' as const,
    queue,
    url: `tcp://${classic.host}:${classic.ports.openwire}`,
    account: classic.accounts.bob,
  });

  it('virtual-topics.yaml: two bridges share the work, and nothing is lost while none runs', async () => {
    const env = brokerEnvironment(classic);
    const startBoth = () =>
      Promise.all(['one', 'two'].map((id) => start('virtual-topics.yaml', { ...env, BRIDGE_ID: id })));
    const endBoth = () => Promise.all(bridges.splice(0).map((bridge) => bridge.end()));
    await startBoth();
    await endBoth();

    const device = await join(classic);
    const got = await read(classic, 'queue', 'telemetry');
    // More than one of them moves before the other is there, too: Classic gives the second what the first has no room for.
    const values = Array.from({ length: 4_000 }, (_, value) => value);
    await Promise.all(
      values.map((value) =>
        device.publish(`VirtualTopic/telemetry/d${value % 7}`, JSON.stringify({ value })),
      ),
    );
    expect(got).toEqual([]);
    const both = await startBoth();
    await eventually(() => got.length >= values.length);
    // The broker's answer to a bridge may be later than the last message to its reader.
    const routes = () => both.map((bridge) => bridge.status().routes[0]);
    await eventually(() => routes().every((route) => route?.inFlight === 0));
    const shares = routes().map((route) => route?.delivered ?? 0);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(shares.reduce((sum, share) => sum + share)).toBe(values.length);
    expect(got.map(({ properties }) => Number(properties.get('value'))).sort((a, b) => a - b)).toEqual(
      values,
    );
  });

  it('iot-commands.yaml: a Java program commands a device and gets its answer; devices report', async () => {
    await start('iot-commands.yaml', brokerEnvironment(classic));
    const device = await join(classic);
    const everyone = await device.listen('devices/all/commands');
    const seen = await device.listenAll('devices/d1/commands/+', (topic, payload) => {
      const id = topic.split('/').at(-1);
      void device.publish(`devices/d1/answers/${id}`, `done: ${String(payload)}`);
    });
    const answer = await javaRequest({
      ...jms('device-commands'),
      body: { text: 'open' },
      properties: { device: ['string', 'd1'] },
      correlationId: 'c-1',
    });
    expect(answer).toMatchObject({ text: 'done: open', JMSCorrelationID: 'c-1' });
    expect(seen()).toBe(1);

    await javaSend({ ...jms('device-broadcast'), body: { text: 'stop' } });
    expect(String(await everyone.first)).toBe('stop');

    const got = await read(classic, 'queue', 'telemetry');
    await device.publish('devices/d1/telemetry', '{"temperature":21}');
    const [report] = await eventually(() => (got.length > 0 ? got : undefined));
    expect(report).toMatchObject({ group: 'd1', body: '{"temperature":21}' });
  });

  it('request-reply.yaml: an MQTT client asks a Java service; an answer goes nowhere else', async () => {
    await start('request-reply.yaml', brokerEnvironment(classic));
    const service = await javaServe(jms('service.time'));
    await service.ready;
    const client = await join(classic);
    const dead = await read(classic, 'queue', 'bridge.dead-letter');
    const answered = await client.listen('clients/c1/answers');
    const ask = (replyTo: string) =>
      client.publish(
        'services/time/requests',
        JSON.stringify({ id: '7', replyTo, text: 'what time is it?' }),
      );
    await ask('chat/lobby/messages');
    await eventually(() => dead.length === 1);
    expect(dead[0]?.properties.get('bridge_reason')).toBe('destination-refused');
    await ask('clients/c1/answers');
    expect(JSON.parse(String(await answered.first))).toEqual({ id: '7', text: 're: what time is it?' });
  });
});

describe('artemis.yaml', () => {
  let artemis: TestBroker;
  beforeAll(async () => {
    artemis = await startArtemis();
  });
  afterAll(() => artemis?.stop());

  it('carries rooms both ways, and keeps each message once, across a restart of the bridge too', async () => {
    const env = brokerEnvironment(artemis, 'ARTEMIS');
    await start('artemis.yaml', env);
    const member = await join(artemis);
    const room = await read(artemis, 'topic', 'rooms.lobby');
    const archive = await read(artemis, 'queue', 'chat-archive');
    const hello = chatMessage('ann', 'hello');
    await member.publish('chat/lobby/messages', hello);
    await member.publish('chat/lobby/messages', hello);
    await member.publish('chat/lobby/messages', chatMessage('ann', 'again'));
    await eventually(() => archive.length === 2 && room.length === 2);

    await Promise.all(bridges.splice(0).map((bridge) => bridge.end()));
    await start('artemis.yaml', env);
    await member.publish('chat/lobby/messages', hello);
    await member.publish('chat/lobby/messages', chatMessage('ann', 'bye'));
    await eventually(() => texts(archive).includes('bye') && texts(room).includes('bye'));
    expect(texts(archive)).toEqual(['hello', 'again', 'bye']);
    expect(texts(room)).toEqual(['hello', 'again', 'bye']);

    const heard = await member.listen('chat/lobby/messages');
    await javaSend({
      client: 'qpid',
      queue: 'chat-outbox',
      url: `amqp://${artemis.host}:${artemis.ports.amqp}`,
      account: artemis.accounts.bob,
      body: { text: 'the kitchen is open' },
      properties: { room: ['string', 'lobby'] },
    });
    expect(String(await heard.first)).toBe('the kitchen is open');
  });

  it.each([
    ['qpid', 'amqp'],
    ['openwire', 'openwire'],
  ] as const)(
    'brings a command to a Java service (%s), and its answer into the room',
    async (client, port) => {
      await start('artemis.yaml', brokerEnvironment(artemis, 'ARTEMIS'));
      const service = await javaServe({
        client,
        queue: 'chat-commands',
        url: `${port === 'amqp' ? 'amqp' : 'tcp'}://${artemis.host}:${artemis.ports[port]}`,
        account: artemis.accounts.bob,
      });
      await service.ready;
      const member = await join(artemis);
      const answer = await member.listen('chat/kitchen/messages', (payload) =>
        payload.toString().startsWith('re: '),
      );
      const asked = chatMessage('ann', '/time');
      await member.publish('chat/kitchen/messages', asked);
      expect(String(await answer.first)).toBe(`re: ${asked}`);
      const [request] = await service.messages;
      expect(request).toMatchObject({
        JMSCorrelationID: 'kitchen',
        properties: { command: { value: '/time' } },
      });
    },
  );
});

describe('mosquitto-to-activemq.yaml', () => {
  let front: TestBroker;
  let classic: TestBroker;
  beforeAll(async () => {
    [front, classic] = await Promise.all([startMosquitto(), startClassic()]);
  });
  afterAll(() => Promise.all([front?.stop(), classic?.stop()]));

  it('carries the rooms of Mosquitto to ActiveMQ, and what Java says back to Mosquitto', async () => {
    await start('mosquitto-to-activemq.yaml', {
      ...brokerEnvironment(front, 'FRONT'),
      ...brokerEnvironment(classic),
    });
    const member = await join(front);
    const room = await read(classic, 'topic', 'rooms.lobby');
    const archive = await read(classic, 'queue', 'chat-archive');
    await member.publish('chat/lobby/messages', chatMessage('ann', 'hello'));
    await eventually(() => archive.length === 1 && room.length === 1);
    expect(texts(archive)).toEqual(['hello']);
    expect(archive[0]).toMatchObject({ group: 'lobby', persistent: true });

    const heard = await member.listen('chat/lobby/messages');
    await javaSend({
      client: 'openwire',
      queue: 'chat-outbox',
      url: `tcp://${classic.host}:${classic.ports.openwire}`,
      account: classic.accounts.bob,
      body: { text: 'the kitchen is open' },
      properties: { room: ['string', 'lobby'] },
    });
    expect(String(await heard.first)).toBe('the kitchen is open');
    // It was said in the room, too, so it goes to the archive: before the bridge ends, or the next test finds it there.
    await eventually(() => archive.length === 2);
  });

  it('keeps what is said in Mosquitto while the bridge is away', async () => {
    const env = { ...brokerEnvironment(front, 'FRONT'), ...brokerEnvironment(classic) };
    const bridge = await start('mosquitto-to-activemq.yaml', env);
    await bridge.end();
    bridges.splice(0);
    const member = await join(front);
    await member.publish('chat/away/messages', chatMessage('ann', 'anybody there?'));
    const archive = await read(classic, 'queue', 'chat-archive');
    await start('mosquitto-to-activemq.yaml', env);
    await eventually(() => texts(archive).includes('anybody there?'));
  });
});

import { connect as connectTcp } from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import rhea, { type AmqpError, type Source } from 'rhea';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Connection, Protocol } from '../../bridge/connectors/connector.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import type { AddressPattern } from '../../bridge/message/address.js';
import type { OutboundMessage } from '../../bridge/message/message.js';
import { Secret } from '../../bridge/secret.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { chatMessage } from '../support/chat-member.js';
import { javaReceive, javaSend } from '../support/java.js';
import { uniqueName } from '../support/names.js';

/** The broker that `up` starts, with the accounts and rights that it ships with: tries what each account may not do. */

type Who = keyof TestBroker['accounts'];

let broker: TestBroker;
beforeAll(async () => {
  broker = await startClassic({ permissions: 'shipped' });
});
afterAll(() => broker?.stop());

const clients: MqttClient[] = [];
const connections: Connection[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});

interface Heard {
  readonly topic: string;
  readonly body: string;
}

/** An MQTT 3.1.1 client that is logged in. What comes is kept in `heard`. */
async function login(who: Who, options: IClientOptions = {}, protocol: 'mqtt' | 'ws' = 'mqtt') {
  const client = mqtt.connect(`${protocol}://${broker.host}:${broker.ports[protocol]}`, {
    ...broker.accounts[who],
    protocolVersion: 4,
    reconnectPeriod: 0,
    ...options,
  });
  clients.push(client);
  const heard: Heard[] = [];
  let wake = () => {};
  client.on('message', (topic, body) => {
    heard.push({ topic, body: body.toString() });
    wake();
  });
  await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
  });
  /** Everything up to the message with this body, which has to come. */
  const until = async (body: string): Promise<Heard[]> => {
    while (!heard.some((one) => one.body === body)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return heard.splice(0);
  };
  const say = (topic: string, body: string, retain = false) =>
    client.publishAsync(topic, body, { qos: 1, retain });
  return { client, until, say, hear: (filter: string) => client.subscribeAsync(filter, { qos: 1 }) };
}

/** A connection of the bridge's own connectors, as another account. */
async function open(who: Who, protocol: Extract<Protocol, 'amqp' | 'stomp'>): Promise<Connection> {
  const { username, password } = broker.accounts[who];
  const endpoint = {
    ...endpointOf(broker, protocol),
    username,
    password: new Secret(password),
    clientId: uniqueName(who),
  };
  const connect = { amqp: connectAmqp, stomp: connectStomp }[protocol];
  const connection = await connect(endpoint, new AbortController().signal);
  connections.push(connection);
  return connection;
}

/** `*` and `>` as ActiveMQ has them. */
const patternOf = (kind: Place[0], name: string): AddressPattern => ({
  kind,
  levels: name
    .split('.')
    .map((level) => (level === '*' ? 'one' : level === '>' ? 'rest' : { literal: level })),
});

type Place = readonly [kind: 'queue' | 'topic', name: string];

async function read(
  who: Who,
  protocol: 'amqp' | 'stomp',
  [kind, name]: Place,
  browse = false,
): Promise<void> {
  const connection = await open(who, protocol);
  const spec = { kind, pattern: patternOf(kind, name), window: 10, ...(browse ? { browse } : {}) };
  await connection.source(spec, () => {});
}

async function write(who: Who, protocol: 'amqp' | 'stomp', [kind, name]: Place, body = 'x'): Promise<void> {
  const connection = await open(who, protocol);
  const sink = await connection.sink({ sendTimeout: 10_000, window: 1 });
  const message: OutboundMessage = {
    to: { kind, name },
    body,
    properties: new Map(),
    persistent: true,
    timestamp: Date.now(),
    id: `ID:${uniqueName('message')}`,
    qos: 1,
    retain: false,
  };
  await sink.send(message);
}

const QUEUES = [
  'chat-archive',
  'chat-outbox',
  'chat-commands',
  'chat-answers',
  'bridge.dead-letter',
  'chat-rooms',
  'ActiveMQ.DLQ',
  'another',
];

describe('a member', () => {
  it('talks in a room, and writes to the inbox of somebody who reads it', async () => {
    const room = `chat/${uniqueName('room')}/messages`;
    const [ann, bob] = [await login('ann'), await login('bob')];
    await Promise.all([ann.hear(room), bob.hear(room), bob.hear('users/bob/inbox')]);
    const said = chatMessage('ann', 'hello');
    await ann.say(room, said);
    expect(await bob.until(said)).toEqual([{ topic: room, body: said }]);
    expect(await ann.until(said)).toEqual([{ topic: room, body: said }]);
    const whispered = chatMessage('ann', 'for you alone');
    await ann.say('users/bob/inbox', whispered);
    expect(await bob.until(whispered)).toEqual([{ topic: 'users/bob/inbox', body: whispered }]);
  });

  it.each([
    "another's inbox: users/bob/inbox",
    'every inbox: users/+/inbox',
    'all of users/#',
    'rooms whose IDs nobody told: chat/+/messages',
    'all of chat/#',
    'shapes that take in more: +/+/+',
    'and +/+/messages',
    'and +/+/#',
    'and +/bob/inbox',
    'everything: #',
    'the JMS side: rooms/lobby',
    'and rooms/#',
    'what the broker says of others: ActiveMQ/Advisory/#',
    'queues of virtual topics: Consumer/a/VirtualTopic/b',
    'several topics in one: users/ann/inbox,users/bob/inbox',
  ])('may not read %s, with or without a session that lasts', async (what) => {
    const filter = what.split(' ').at(-1) ?? '';
    for (const clean of [true, false]) {
      const { client, hear } = await login('ann', { clean, clientId: uniqueName('spy') });
      await expect(hear(filter)).rejects.toThrow('Subscribe error');
      await client.endAsync();
    }
  });

  it('gets nothing of what it asked for and was refused, not even after a restart of the broker', async () => {
    const session = { clean: false, clientId: uniqueName('spy') };
    const spy = await login('ann', session);
    for (const filter of ['users/+/inbox', '#', 'users/bob/inbox'])
      await expect(spy.hear(filter)).rejects.toThrow('Subscribe error');
    await spy.client.endAsync();
    const before = await login('bob');
    await before.hear('users/bob/inbox');
    await before.say('users/bob/inbox', 'while the spy is away');
    await before.until('while the spy is away');
    await before.client.endAsync();
    await broker.restart();
    const bob = await login('bob');
    await bob.hear('users/bob/inbox');
    const back = await login('ann', session);
    await bob.say('users/bob/inbox', 'after the restart');
    await bob.until('after the restart');
    await back.hear('users/ann/inbox');
    await bob.say('users/ann/inbox', 'for ann');
    expect(await back.until('for ann')).toEqual([{ topic: 'users/ann/inbox', body: 'for ann' }]);
  });

  it('is told by MQTT that what it may not write is taken; it goes nowhere', async () => {
    const room = uniqueName('room');
    const [ann, bridge, bob] = [await login('ann'), await login('bridge'), await login('bob')];
    const topic = await open('backend', 'amqp');
    const got: string[] = [];
    let wake = () => {};
    const listen = async ([kind, name]: Place) => {
      const source = await topic.source({ kind, pattern: patternOf(kind, name), window: 10 }, (delivery) => {
        got.push(String(delivery.message.body));
        delivery.settle('accepted');
        wake();
      });
      source.grant(100);
    };
    await listen(['topic', `rooms.${room}`]);
    await listen(['queue', 'chat-archive']);
    await bob.hear(`chat/${room}/members/+`);

    await ann.say(`rooms/${room}`, 'forbidden');
    await ann.say(`chat/${room}/messages,queue://chat-archive`, 'forbidden');
    await ann.say(`chat/${room}/members/bob`, 'forged', true);
    await ann.say(`chat/${room}/members/ann`, 'own', true);
    expect(await bob.until('own')).toEqual([{ topic: `chat/${room}/members/ann`, body: 'own' }]);
    await bridge.say(`rooms/${room}`, 'permitted');
    await write('bridge', 'amqp', ['queue', 'chat-archive'], 'permitted too');
    while (got.length < 2) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    expect(got.toSorted()).toEqual(['permitted', 'permitted too']);
  });

  it.each(['amqp', 'stomp'] as const)('may use no queue over %s, nor the JMS topics', async (protocol) => {
    const places: Place[] = [
      ...QUEUES.map((name): Place => ['queue', name]),
      ['topic', 'rooms.lobby'],
      ['topic', 'rooms.*'],
      ['topic', 'users.bob.inbox'],
      ['topic', 'chat.*.messages'],
    ];
    for (const place of places)
      await expect(read('ann', protocol, place), place.join(' ')).rejects.toMatchObject({
        code: 'subscription-refused',
        message: expect.stringMatching(/not authorized to/),
      });
    for (const place of places.filter(([, name]) => !/\*|users/.test(name)))
      await expect(write('ann', protocol, place), place.join(' ')).rejects.toMatchObject({
        message: expect.stringMatching(/not authorized to/),
      });
  });

  it('may not even look at a queue, nor have one of its own', async () => {
    await expect(read('ann', 'amqp', ['queue', 'chat-archive'], true)).rejects.toMatchObject({
      code: 'subscription-refused',
    });
    expect(await temporaryQueue('ann')).toMatch(/not authorized to/);
    expect(await temporaryQueue('backend')).toBe('made');
  });

  it('may not do it over OpenWire either', async () => {
    // Without the option the client asks for advisories first, and is refused these already.
    const url = `tcp://${broker.host}:${broker.ports.openwire}?jms.watchTopicAdvisories=false`;
    const place = { client: 'openwire' as const, url, account: broker.accounts.ann };
    await expect(javaSend({ ...place, queue: 'chat-outbox', body: { text: 'x' } })).rejects.toThrow(
      /ann is not authorized to (write to|create): queue:\/\/chat-outbox/,
    );
    const reader = await javaReceive({ ...place, queue: 'chat-archive' });
    await expect(reader.messages).rejects.toThrow(
      /ann is not authorized to (read from|create): queue:\/\/chat-archive/,
    );
  });
});

/** Asks for a temporary queue over AMQP; the broker's reason when it refuses. */
function temporaryQueue(who: Who): Promise<string> {
  const connection = rhea.create_container().connect({
    host: broker.host,
    port: broker.ports.amqp ?? 0,
    ...broker.accounts[who],
    reconnect: false,
  });
  const receiver = connection.open_receiver({ source: { dynamic: true } as Source });
  return new Promise<string>((resolve) => {
    receiver.once('receiver_open', () => {
      if (receiver.source?.address) resolve('made');
    });
    receiver.once('receiver_error', () => resolve(String((receiver.error as AmqpError).description)));
  }).finally(() => connection.close());
}

describe('a Java program', () => {
  it('reads rooms and the archive, and writes the outbox, from Java too', async () => {
    const url = `tcp://${broker.host}:${broker.ports.openwire}`;
    const place = { client: 'openwire' as const, url, account: broker.accounts.backend };
    await javaSend({
      ...place,
      queue: 'chat-outbox',
      body: { text: 'x' },
      properties: { room: ['string', 'r'] },
    });
    const durable = { name: uniqueName('reader'), clientId: uniqueName('client') };
    const rooms = await javaReceive({ ...place, topic: 'rooms.*', durable });
    await rooms.ready;
    // A topic that is new, and to which there is a durable subscription: the bridge has to be able to make it.
    await write('bridge', 'stomp', ['topic', `rooms.${uniqueName('new')}`], 'said');
    expect(await rooms.messages).toMatchObject([{ text: 'said' }]);
  });

  it.each<readonly ['read' | 'write', ...Place]>([
    ['read', 'queue', 'chat-outbox'],
    ['read', 'queue', 'chat-answers'],
    ['write', 'queue', 'chat-commands'],
    ['read', 'queue', 'bridge.dead-letter'],
    ['read', 'topic', 'users.ann.inbox'],
    ['read', 'topic', 'chat.lobby.messages'],
    ['write', 'queue', 'chat-archive'],
    ['write', 'topic', 'rooms.lobby'],
    ['write', 'topic', 'chat.lobby.messages'],
  ])('may not %s %s %s', async (right, ...place) => {
    await expect((right === 'read' ? read : write)('backend', 'amqp', place)).rejects.toThrow(
      /not authorized to/,
    );
  });
});

describe("the bridge's account", () => {
  it.each<readonly ['read' | 'write', ...Place]>([
    ['read', 'queue', 'chat-archive'],
    ['read', 'topic', 'users.ann.inbox'],
    ['read', 'topic', '>'],
    ['read', 'queue', '>'],
    ['read', 'queue', 'chat-commands'],
    ['write', 'queue', 'chat-outbox'],
    ['write', 'queue', 'chat-answers'],
    ['write', 'queue', 'another'],
    ['write', 'topic', 'users.ann.inbox'],
  ])('may not %s %s %s', async (right, ...place) => {
    await expect((right === 'read' ? read : write)('bridge', 'amqp', place)).rejects.toThrow(
      /not authorized to/,
    );
  });
});

describe('a login', () => {
  it.each(['mqtt', 'ws'] as const)(
    'with a wrong account or password is refused over %s, and closed',
    async (protocol) => {
      const { ann } = broker.accounts;
      for (const wrong of [{ ...ann, password: 'wrong' }, { ...ann, username: 'nobody' }, {}]) {
        const client = mqtt.connect(`${protocol}://${broker.host}:${broker.ports[protocol]}`, {
          ...wrong,
          protocolVersion: 4,
          reconnectPeriod: 0,
        });
        clients.push(client);
        const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
        const reason = await new Promise<Error>((resolve) => client.once('error', resolve));
        expect(reason.message).toMatch(/Not authorized|Bad username or password/i);
        await closed;
      }
    },
  );
});

describe('a connection that says nothing', () => {
  it('is closed by every listener', async () => {
    const all = Object.values(broker.ports).map(
      (port) =>
        new Promise<void>((resolve) => {
          connectTcp(port, broker.host)
            .resume()
            .once('close', resolve)
            .once('error', () => {});
        }),
    );
    await Promise.all(all);
  });

  /** As a browser whose machine sleeps: its connection is there, and nothing comes or goes. */
  const freeze = ({ stream }: MqttClient) => {
    stream.write = () => true;
  };

  it('any more is closed, and the others see that the member is gone, also those who come later', async () => {
    const room = `chat/${uniqueName('room')}/members`;
    const bob = await login('bob');
    await bob.hear(`${room}/+`);
    const will = { topic: `${room}/ann`, payload: Buffer.alloc(0), qos: 1, retain: true } as const;
    const ann = await login('ann', { keepalive: 2, will });
    await ann.say(`${room}/ann`, '{"online":true}', true);
    await bob.until('{"online":true}');
    freeze(ann.client);
    expect(await bob.until('')).toEqual([{ topic: `${room}/ann`, body: '' }]);
    const late = await login('bob');
    await late.hear(`${room}/+`);
    await late.say(`${room}/bob`, 'first', true);
    expect(await late.until('first')).toHaveLength(1);
  });

  it('any more is closed over WebSocket too', async () => {
    const topic = `chat/${uniqueName('room')}/members/ann`;
    const bob = await login('bob');
    await bob.hear(topic);
    // Not empty as in the chat: mqtt.js on Node sends that as a frame of its own, which ActiveMQ takes for no part of a packet.
    const will = { topic, payload: 'gone', qos: 1, retain: false } as const;
    const ann = await login('ann', { keepalive: 2, will }, 'ws');
    freeze(ann.client);
    expect(await bob.until('gone')).toEqual([{ topic, body: 'gone' }]);
  });
});

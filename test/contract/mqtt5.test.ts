import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import {
  connect,
  type IClientOptions,
  type IConnackPacket,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, Delivery, Endpoint, SinkSpec } from '../../bridge/connectors/connector.js';
import { connectMqtt } from '../../bridge/connectors/mqtt/connect.js';
import type { OutboundMessage, PropertyValue, Qos } from '../../bridge/message/message.js';
import { startBridgeOn } from '../support/bridge.js';
import { startArtemis, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { outbound } from './suite.js';

const forever = () => new AbortController().signal;
const SINK: SinkSpec = { sendTimeout: 20_000, window: 500 };
const topicName = () => `allowed/${uniqueName('t')}`;

/** Everything of a test's own that is to be closed after it, last first. */
const cleanUp: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function open(endpoint: Endpoint): Promise<Connection> {
  const connection = await connectMqtt(endpoint, forever());
  cleanUp.push(() => connection.close());
  return connection;
}

/** What the tests need of one broker: the connector over MQTT 5, and plain clients. */
function workbench(brokerOf: () => TestBroker) {
  const endpoint = (more: Partial<Endpoint> = {}): Endpoint => ({
    ...endpointOf(brokerOf(), 'mqtt'),
    mqttVersion: 5,
    clientId: uniqueName('client'),
    ...more,
  });
  const sink = async (more: Partial<Endpoint> = {}) =>
    (await open(endpoint({ cleanSession: true, ...more }))).sink(SINK);
  const receive = async (topic: string, more: Partial<Endpoint> = {}, qos: Qos = 1) => {
    const connection = await open(endpoint(more));
    const deliveries: Delivery[] = [];
    const levels = topic.split('/').map((literal) => ({ literal }));
    const source = await connection.source(
      { kind: 'mqtt', subscriptions: [{ pattern: { kind: 'mqtt', levels }, qos }] },
      (delivery) => {
        deliveries.push(delivery);
        delivery.settle('accepted');
      },
    );
    source.grant(1_000);
    const next = async () => (await eventually(() => deliveries.shift())).message;
    return { connection, next };
  };
  const client = async (more: IClientOptions = {}): Promise<MqttClient> =>
    (await clientAndSession(more)).client;
  const clientAndSession = async (more: IClientOptions) => {
    const { host, ports, accounts } = brokerOf();
    const options = { ...accounts.ann, protocolVersion: 5, reconnectPeriod: 0, ...more } as const;
    const client = connect(`mqtt://${host}:${ports.mqtt}`, options);
    cleanUp.push(() => client.endAsync(true));
    const { sessionPresent } = await new Promise<IConnackPacket>((resolve, reject) => {
      client.once('connect', resolve);
      client.once('error', reject);
    });
    return { client, sessionPresent };
  };
  const subscriber = async (topic: string) => {
    const packets: IPublishPacket[] = [];
    const opened = await client();
    opened.on('message', (_topic, _payload, packet) => packets.push(packet));
    await opened.subscribeAsync(topic, { qos: 2 });
    return { next: () => eventually(() => packets.shift()) };
  };
  return { endpoint, sink, receive, client, clientAndSession, subscriber };
}

const mqtt = (name: string) => ({ kind: 'mqtt', name }) as const;
const message = (topic: string, more: Partial<OutboundMessage> = {}): OutboundMessage => ({
  ...outbound(mqtt(topic), 'body'),
  ...more,
});
const propertiesOf = (values: Record<string, PropertyValue>) => new Map(Object.entries(values));

describe.each([
  { name: 'ActiveMQ Artemis', start: startArtemis },
  { name: 'Mosquitto', start: startMosquitto },
])('MQTT 5 with $name', ({ start }) => {
  let broker: TestBroker;
  const { endpoint, sink, receive, client, clientAndSession, subscriber } = workbench(() => broker);

  beforeAll(async () => {
    broker = await start({ writable: 'allowed' });
  });
  afterAll(() => broker.stop());

  it('reads user properties, response topic, correlation data and expiry', async () => {
    const topic = topicName();
    const inbox = await receive(topic);
    const peer = await client();
    const userProperties = Object.assign(Object.create(null), {
      room: 'lobby',
      'any name: ü': 'ü\u{1f600}',
      twice: ['first', 'last'],
      empty: '',
      constructor: 'x',
      JMSXGroupID: 'steers',
      __proto__: 'steers',
      _AMQ_DUPL_ID: 'steers',
    });
    await peer.publishAsync(topic, 'body', {
      qos: 1,
      properties: {
        // First: in the last place Artemis would take it for the beginning of the body (2.40.0).
        payloadFormatIndicator: true,
        responseTopic: 'reply/to/ann',
        correlationData: Buffer.from('request-1'),
        messageExpiryInterval: 100,
        contentType: 'text/plain',
        userProperties,
      },
    });
    const got = await inbox.next();
    expect(got).toMatchObject({
      address: mqtt(topic),
      body: Buffer.from('body'),
      replyTo: mqtt('reply/to/ann'),
      correlationId: 'request-1',
      qos: 1,
    });
    expect(got.properties).toEqual(
      propertiesOf({
        room: 'lobby',
        'any name: ü': 'ü\u{1f600}',
        twice: 'last',
        empty: '',
        constructor: 'x',
      }),
    );
    expect(got.ttl).toBeGreaterThan(90_000);
    expect(got.ttl).toBeLessThanOrEqual(100_000);
  });

  it('says nothing of what a message does not have', async () => {
    const topic = topicName();
    const inbox = await receive(topic);
    await (await client()).publishAsync(topic, 'body', { qos: 1 });
    const got = await inbox.next();
    for (const key of ['replyTo', 'correlationId', 'ttl']) expect(got).not.toHaveProperty(key);
    expect(got.properties.size).toBe(0);
  });

  it.each(['replies/#', 'replies/+/x', ''])(
    'takes no Response Topic %j for an address',
    async (responseTopic) => {
      const topic = topicName();
      const inbox = await receive(topic);
      await (await client()).publishAsync(topic, 'body', { qos: 1, properties: { responseTopic } });
      expect(await inbox.next()).not.toHaveProperty('replyTo');
    },
  );

  it('writes properties as text, reply address, correlation id and time to live', async () => {
    const topic = topicName();
    const peer = await subscriber(topic);
    const to = await sink();
    const properties = propertiesOf({
      room: 'lobby',
      count: 7,
      big: 2n ** 60n,
      ratio: 1.5,
      flag: true,
      none: '',
    });
    await to.send(
      message(topic, { properties, replyTo: mqtt('reply/to/bridge'), correlationId: 'r-1', ttl: 99_001 }),
    );
    const { properties: got } = await peer.next();
    expect({ ...got?.userProperties }).toEqual({
      room: 'lobby',
      count: '7',
      big: '1152921504606846976',
      ratio: '1.5',
      flag: 'true',
      none: '',
    });
    expect(got?.responseTopic).toBe('reply/to/bridge');
    expect(String(got?.correlationData)).toBe('r-1');
    // Rounded up to whole seconds, of which a broker may have counted one.
    expect([99, 100]).toContain(got?.messageExpiryInterval);
    expect(got).not.toHaveProperty('payloadFormatIndicator');
    expect(got).not.toHaveProperty('topicAlias');
  });

  it.each([130, 17_000])('keeps the body apart from %i bytes of properties', async (bytes) => {
    const topic = topicName();
    const peer = await subscriber(topic);
    const properties = propertiesOf({ a: 'x'.repeat(bytes) });
    await (await sink()).send(message(topic, { properties, correlationId: '', replyTo: mqtt('r') }));
    const got = await peer.next();
    expect(String(got.payload)).toBe('body');
    expect(got.properties).toMatchObject({ responseTopic: 'r', correlationData: Buffer.alloc(0) });
    expect(got.properties?.userProperties?.a).toHaveLength(bytes);
  });

  it('leaves a reply address of JMS behind', async () => {
    const topic = topicName();
    const peer = await subscriber(topic);
    await (await sink()).send(message(topic, { replyTo: { kind: 'queue', name: 'replies' } }));
    expect((await peer.next()).properties?.responseTopic).toBeUndefined();
  });

  it.each([
    ['a counter', Buffer.from([0, 0, 0, 1])],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x80])],
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('ü\u{1f600}')],
    ['a text like our escape', Buffer.from('base64:/w==')],
    ['a text that begins like it', Buffer.from('base64:hello')],
    ['the most there can be', Buffer.alloc(65_535, 0xff)],
  ])('gives correlation data back byte for byte: %s', async (_, correlationData) => {
    const [request, reply] = [topicName(), topicName()];
    const inbox = await receive(request);
    const peer = await subscriber(reply);
    await (await client()).publishAsync(request, 'body', { qos: 1, properties: { correlationData } });
    const { correlationId = 'none' } = await inbox.next();
    await (await sink()).send(message(reply, { correlationId }));
    expect((await peer.next()).properties?.correlationData).toEqual(correlationData);
  });

  it.each([
    ['a NUL in a property', { properties: propertiesOf({ a: 'x\0y' }) }],
    ['a property of more than 65,535 bytes', { properties: propertiesOf({ a: 'é'.repeat(32_768) }) }],
    ['such a name', { properties: propertiesOf({ ['n'.repeat(65_536)]: 'x' }) }],
    ['a reply address with a wildcard', { replyTo: mqtt('a/#') }],
    ['an empty reply address', { replyTo: mqtt('') }],
    ['a correlation id of more than 65,535 bytes', { correlationId: 'x'.repeat(65_536) }],
  ])('refuses %s for good, and goes on', async (_, more) => {
    const topic = topicName();
    const to = await sink();
    await expect(to.send(message(topic, more))).rejects.toMatchObject({
      code: 'message-refused',
      transient: false,
    });
    await to.send(message(topic));
  });

  it('carries a line break in a property, or refuses it where the broker would hang up', async () => {
    const topic = topicName();
    const peer = await subscriber(topic);
    const to = await sink();
    const sent = to.send(message(topic, { properties: propertiesOf({ a: 'x\ny' }) }));
    if (broker.type === 'artemis') {
      await sent;
      expect((await peer.next()).properties?.userProperties?.a).toBe('x\ny');
    } else await expect(sent).rejects.toMatchObject({ code: 'message-refused' });
    await to.send(message(topic));
  });

  it.each([1, 2] as const)('refuses a QoS %i message for a forbidden topic, and goes on', async (qos) => {
    const to = await sink();
    const topic = topicName();
    const sends = [message(topic, { qos }), message(`forbidden/${topic}`, { qos }), message(topic, { qos })];
    const [first, forbidden, last] = await Promise.allSettled(sends.map((one) => to.send(one)));
    expect([first?.status, last?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(forbidden).toMatchObject({
      status: 'rejected',
      reason: {
        code: 'destination-refused',
        transient: false,
        message: expect.stringMatching(/Not authorized/),
      },
    });
  });

  it.each([1, 2] as const)('has every answer of a burst of 500 at QoS %i', async (qos) => {
    const topic = topicName();
    const to = await sink();
    const sends = Array.from({ length: 500 }, (_, index) =>
      to.send(message(topic, { qos, body: `m${index}` })),
    );
    expect(await Promise.all(sends)).toHaveLength(500);
  });

  it('carries over 3.1.1 what 3.1.1 can say, and the rest stays behind', async () => {
    const topic = topicName();
    const peer = await subscriber(topic);
    const to = await sink({ mqttVersion: '3.1.1' });
    const properties = propertiesOf({ a: 'x\0y' });
    await to.send(message(topic, { properties, replyTo: mqtt('a/#'), correlationId: 'c', ttl: 5_000 }));
    const got = await peer.next();
    expect(String(got.payload)).toBe('body');
    for (const key of ['userProperties', 'responseTopic', 'correlationData', 'messageExpiryInterval'])
      expect(got.properties ?? {}).not.toHaveProperty(key);
  });

  it.each([
    ['3.1.1', 5],
    [5, '3.1.1'],
  ] as const)(
    'keeps what a durable session has when the version goes from %s to %s',
    async (before, after) => {
      const topic = topicName();
      const clientId = uniqueName('durable');
      await (await receive(topic, { clientId, mqttVersion: before })).connection.close();
      await (await client()).publishAsync(topic, 'while you were away', { qos: 1 });
      const inbox = await receive(topic, { clientId, mqttVersion: after });
      expect(String((await inbox.next()).body)).toBe('while you were away');
    },
  );

  it('leaves no session behind when it is a clean one', async () => {
    // Artemis removes the session a moment after it has closed the connection; whoever comes back in between finds it, and
    // makes it a session that lasts. So each look is at another one.
    await eventually(async () => {
      const clientId = uniqueName('clean');
      await (await receive(topicName(), { clientId, cleanSession: true })).connection.close();
      const again = await clientAndSession({ clientId, clean: false });
      await again.client.endAsync();
      return !again.sessionPresent;
    });
  });

  it('says that its account is not taken', async () => {
    await expect(open(endpoint({ username: 'nobody' }))).rejects.toMatchObject({
      code: 'authentication-failed',
    });
  });

  it('ends when another client takes its client id', async () => {
    const clientId = uniqueName('taken');
    const { connection } = await receive(topicName(), { clientId });
    await client({ clientId, clean: false, properties: { sessionExpiryInterval: 60 } });
    const reason = await connection.lost;
    expect(reason.code).toBe('connection-lost');
    // Mosquitto just closes the socket (2.0.11).
    if (broker.type === 'artemis')
      expect(reason.message).toContain(
        `Session taken over; another client connected with the client id "${clientId}"`,
      );
  });
});

it('says of ActiveMQ Classic, which hangs up, how to reach it', async () => {
  const broker = await startClassic();
  cleanUp.push(() => broker.stop());
  const endpoint = { ...endpointOf(broker, 'mqtt'), mqttVersion: 5, clientId: uniqueName('client') } as const;
  await expect(open(endpoint)).rejects.toMatchObject({
    code: 'connection-failed',
    message: expect.stringContaining('mqttVersion: 3.1.1'),
  });
});

describe('a bridge between MQTT 5 clients', () => {
  let broker: TestBroker;
  let endBridge = async () => {};
  const { client, subscriber } = workbench(() => broker);

  beforeAll(async () => {
    broker = await startMosquitto();
    const bridge = await startBridgeOn(MAPPING, broker);
    endBridge = () => bridge.end();
  });
  afterAll(async () => {
    await endBridge();
    await broker.stop();
  });

  const MAPPING = `
version: 1
brokers:
  edge:
    type: mqtt
    mqtt: "mqtt://\${ACTIVEMQ_HOST}:\${ACTIVEMQ_MQTT_PORT}"
    mqttVersion: 5
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
routes:
  relay:
    from: { mqtt: "in/{room}", share: bridges }
    to:
      mqtt: "out/{room}"
      as: text
      properties: { room: "{room}", sender: "{properties.sender}", asked: "{message.replyTo}" }
      ttl: 90s
`;

  it('carries properties, correlation data and time to live by rule', async () => {
    const peer = await subscriber('out/lobby');
    const correlationData = Buffer.from([0, 1, 0xff]);
    const properties = { userProperties: { sender: 'ann' }, correlationData, responseTopic: 'replies/ann' };
    await (await client()).publishAsync('in/lobby', 'hello', { qos: 1, properties });
    const got = await peer.next();
    expect(String(got.payload)).toBe('hello');
    expect({ ...got.properties?.userProperties }).toEqual({
      room: 'lobby',
      sender: 'ann',
      asked: 'replies/ann',
      bridge_hops: '1',
    });
    expect(got.properties?.correlationData).toEqual(correlationData);
    expect(got.properties?.messageExpiryInterval).toBeGreaterThan(80);
  });

  it('says in the properties of a dead letter why it is one', async () => {
    const peer = await subscriber('bridge/dead-letter');
    const properties = { userProperties: { sender: 'ann' } };
    const noText = Buffer.from([0xff]);
    await (await client()).publishAsync('in/lobby', noText, { qos: 1, properties });
    const got = await peer.next();
    expect(got.payload).toEqual(noText);
    expect(got.properties?.userProperties).toMatchObject({
      sender: 'ann',
      bridge_route: 'relay',
      bridge_source: 'mqtt in/lobby',
      bridge_reason: 'unsupported-body',
    });
  });
});

describe('MQTT 5 with a Mosquitto that has limits', () => {
  let broker: TestBroker;
  const { sink, subscriber } = workbench(() => broker);

  beforeAll(async () => {
    broker = await startMosquitto({
      settings: ['max_packet_size 2000', 'max_qos 1', 'retain_available false', 'max_inflight_messages 3'],
    });
  });
  afterAll(() => broker.stop());

  it.each([
    ['a packet that is too large', { body: 'x'.repeat(2_000) }, /2000 bytes at most, and this one has \d+/],
    ['properties that are', { properties: propertiesOf({ a: 'x'.repeat(2_000) }) }, /2000 bytes at most/],
    ['QoS 2', { qos: 2 }, /nothing above QoS 1/],
    ['a retained message', { retain: true }, /nothing retained/],
  ] as const)('refuses %s before it is sent, and goes on', async (_, more, reason) => {
    const topic = topicName();
    const peer = await subscriber(topic);
    const to = await sink();
    await expect(to.send(message(topic, more))).rejects.toMatchObject({
      code: 'message-refused',
      message: expect.stringMatching(reason),
    });
    await to.send(message(topic, { body: 'next' }));
    expect(String((await peer.next()).payload)).toBe('next');
  });

  it('sends the largest packet that is taken', async () => {
    const topic = topicName();
    const to = await sink();
    // Besides the body: header, its length (3), topic, packet id, length of the properties (1), one of 3 and 1 bytes.
    const body = 'x'.repeat(2_000 - 3 - (2 + topic.length) - 2 - 1 - 4);
    await to.send(message(topic, { body, correlationId: 'c' }));
    await expect(to.send(message(topic, { body: `${body}x`, correlationId: 'c' }))).rejects.toMatchObject({
      code: 'message-refused',
    });
  });
});

describe('MQTT 5 with a Mosquitto whose Receive Maximum is 20', () => {
  let broker: TestBroker;
  const { endpoint } = workbench(() => broker);

  beforeAll(async () => {
    broker = await startMosquitto();
  });
  afterAll(() => broker.stop());

  it.each([1, 2] as const)('never has more than 20 publishes of QoS %i unanswered', async (qos) => {
    const seen: Packet[] = [];
    const server = createServer((bridge) => {
      const through = dial({ host: '127.0.0.1', port: broker.ports.mqtt });
      for (const [from, to] of [
        [bridge, through],
        [through, bridge],
      ] as const) {
        const parser = mqttPacket.parser({ protocolVersion: 5 });
        parser.on('packet', (packet) => seen.push(packet));
        from.on('data', (bytes) => parser.parse(bytes));
        from.on('error', () => to.destroy());
        from.pipe(to);
      }
    });
    const port = await listening(server);
    const to = await (await open(endpoint({ port, cleanSession: true }))).sink(SINK);
    const topic = topicName();
    await Promise.all(Array.from({ length: 500 }, () => to.send(message(topic, { qos }))));
    const answer = qos === 1 ? 'puback' : 'pubcomp';
    let unanswered = 0;
    let most = 0;
    for (const { cmd } of seen) {
      if (cmd === 'publish') unanswered++;
      else if (cmd === answer) unanswered--;
      most = Math.max(most, unanswered);
    }
    expect(seen.filter(({ cmd }) => cmd === 'publish')).toHaveLength(500);
    expect(most).toBe(20);
  });
});

/** Its port; it is closed after the test. */
async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Answers of a broker, by the packet that they answer. */
type Script = Partial<Record<Packet['cmd'], (packet: Packet, write: (answer: Packet) => void) => void>>;

const CONNACK = { cmd: 'connack', sessionPresent: false, reasonCode: 0 } as const;

/** A broker that says what the real ones say only when something is wrong with them. */
async function scripted(script: Script): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    const write = (answer: Packet) => void socket.write(mqttPacket.generate(answer, { protocolVersion: 5 }));
    parser.on('packet', (packet) => {
      const answers: Script = { connect: () => write(CONNACK), disconnect: () => socket.end(), ...script };
      answers[packet.cmd]?.(packet, write);
    });
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('error', () => {});
    sockets.add(socket);
  });
  const port = await listening(server);
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  return {
    broker: 'scripted',
    brokerType: 'mqtt',
    protocol: 'mqtt',
    mqttVersion: 5,
    host: '127.0.0.1',
    port,
    clientId: 'bridge',
    cleanSession: true,
    connectTimeout: 10_000,
    idleTimeout: 15_000,
  };
}

describe('what an MQTT 5 broker may answer', () => {
  it.each([
    [0x84, 'wrong-broker', /speaks no MQTT 5 .*write mqttVersion: 3\.1\.1/],
    [1, 'wrong-broker', /write mqttVersion: 3\.1\.1/],
    [0x86, 'authentication-failed', /Bad User Name or Password/],
    [0x87, 'authentication-failed', /Not authorized/],
    [0x88, 'connection-failed', /Server unavailable/],
    [0x9f, 'connection-failed', /Connection rate exceeded/],
  ])('CONNACK %i is %s', async (reasonCode, code, text) => {
    const endpoint = await scripted({ connect: (_, write) => write({ ...CONNACK, reasonCode }) });
    await expect(open(endpoint)).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
  });

  it('asks for a session that never expires, or for none', async () => {
    const connects: Packet[] = [];
    const endpoint = await scripted({
      connect: (packet, write) => {
        connects.push(packet);
        write(CONNACK);
      },
    });
    for (const cleanSession of [false, true]) await open({ ...endpoint, cleanSession });
    expect(connects).toMatchObject([
      { clean: false, properties: { sessionExpiryInterval: 0xffff_ffff } },
      { clean: true, properties: { sessionExpiryInterval: 0 } },
    ]);
    for (const connect of connects)
      for (const name of ['receiveMaximum', 'topicAliasMaximum'])
        expect('properties' in connect && connect.properties).not.toHaveProperty(name);
  });

  const REFUSALS = [
    [0x80, 'send-released', /Unspecified error/],
    [0x83, 'send-released', /Implementation specific error/],
    [0x87, 'destination-refused', /Not authorized/],
    [0x90, 'destination-refused', /Topic Name invalid/],
    [0x91, 'send-released', /Packet identifier in use/],
    [0x97, 'destination-full', /Quota exceeded/],
    [0x99, 'message-refused', /Payload format invalid/],
  ] as const;
  const ANSWERS = (['puback', 'pubrec'] as const).flatMap((cmd) =>
    REFUSALS.map((one) => [cmd, ...one] as const),
  );

  it.each(ANSWERS)('%s %i is %s, and the connection goes on', async (cmd, reasonCode, code, text) => {
    const seen: Packet['cmd'][] = [];
    let refusing = true;
    const properties = { reasonString: 'because' };
    const endpoint = await scripted({
      publish: ({ messageId = 0 }, write) =>
        write(refusing ? { cmd, messageId, reasonCode, properties } : { cmd, messageId, reasonCode: 0x10 }),
      pubrel: ({ messageId = 0 }, write) => {
        seen.push('pubrel');
        write({ cmd: 'pubcomp', messageId });
      },
    });
    const to = await (await open(endpoint)).sink(SINK);
    const qos = cmd === 'puback' ? 1 : 2;
    const refused = to.send(message('a/b', { qos }));
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
    await expect(refused).rejects.toThrow(/mqtt "a\/b".*\(because\)/);
    // A PUBREC with an error is the end of the handshake (MQTT 5, 4.3.3).
    expect(seen).toEqual([]);
    refusing = false;
    // No matching subscribers is no error.
    await to.send(message('a/b', { qos }));
    expect(seen).toEqual(qos === 2 ? ['pubrel'] : []);
  });

  it.each([
    [0x87, /Not authorized/],
    [0x8f, /Topic Filter invalid/],
    [0x97, /Quota exceeded/],
    [0x9e, /Shared Subscriptions not supported/],
  ])('SUBACK %i is a refused subscription', async (code, text) => {
    const endpoint = await scripted({
      subscribe: ({ messageId = 0 }, write) => write({ cmd: 'suback', messageId, granted: [code] }),
    });
    const pattern = { kind: 'mqtt', levels: [{ literal: 'a' }] } as const;
    const spec = { kind: 'mqtt', subscriptions: [{ pattern, qos: 1, share: 'g' }] } as const;
    await expect((await open(endpoint)).source(spec, () => {})).rejects.toMatchObject({
      code: 'subscription-refused',
      message: expect.stringMatching(text),
    });
  });

  it.each([
    [0x8b, undefined, 'the broker ended the connection: Server shutting down'],
    [0x8e, undefined, 'Session taken over; another client connected with the client id "bridge"'],
    [0x93, undefined, 'Receive Maximum exceeded'],
    [0x95, 'more than 10 bytes', 'Packet too large (more than 10 bytes)'],
    [0, undefined, 'the broker ended the connection: Normal disconnection'],
  ] as const)('DISCONNECT %i is told as the reason', async (reasonCode, reasonString, text) => {
    const properties = reasonString === undefined ? {} : { properties: { reasonString } };
    const endpoint = await scripted({
      publish: (_, write) => write({ cmd: 'disconnect', reasonCode, ...properties }),
    });
    const connection = await open(endpoint);
    const sent = (await connection.sink(SINK)).send(message('a/b'));
    await expect(sent).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringContaining(text),
    });
    expect((await connection.lost).message).toContain(text);
  });

  it('ends the connection over a Topic Alias, which it allowed to nobody', async () => {
    const endpoint = await scripted({
      subscribe: ({ messageId = 0 }, write) => {
        write({ cmd: 'suback', messageId, granted: [1] });
        write({
          cmd: 'publish',
          topic: '',
          payload: 'x',
          qos: 1,
          messageId: 1,
          dup: false,
          retain: false,
          properties: { topicAlias: 1 },
        });
      },
    });
    const connection = await open(endpoint);
    const pattern = { kind: 'mqtt', levels: [{ literal: 'a' }] } as const;
    const deliveries: Delivery[] = [];
    const source = await connection.source(
      { kind: 'mqtt', subscriptions: [{ pattern, qos: 1 }] },
      (delivery) => deliveries.push(delivery),
    );
    source.grant(10);
    expect((await connection.lost).message).toContain('Topic Alias');
    expect(deliveries).toHaveLength(0);
  });
});

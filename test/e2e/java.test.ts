import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteStatus } from '../../bridge/status.js';
import {
  brokerEnvironment,
  CHAT_MAPPING,
  startBridge,
  startBridgeOn,
  type TestBridge,
} from '../support/bridge.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { type ChatMember, chatMessage, joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import {
  type Destination,
  type JavaClient,
  type JavaMessage,
  type JmsPlace,
  javaReceive,
  javaSend,
  pahoPublish,
  pahoSubscribe,
} from '../support/java.js';
import { uniqueName } from '../support/names.js';

const CLIENTS: readonly JavaClient[] = ['openwire', 'qpid'];
const TRANSPORTS = ['amqp', 'stomp'] as const;

function placeOf(broker: TestBroker, client: JavaClient, destination: Destination): JmsPlace {
  const port = client === 'openwire' ? broker.ports.openwire : broker.ports.amqp;
  if (port === undefined) throw new Error(`${broker.type} has no port for ${client}`);
  const url = `${client === 'openwire' ? 'tcp' : 'amqp'}://${broker.host}:${port}`;
  return { client, url, account: broker.accounts.ann, ...destination };
}

describe('mappings/chat.yaml on ActiveMQ Classic', () => {
  let broker: TestBroker;
  let bridge: TestBridge;
  let bob: ChatMember;

  beforeAll(async () => {
    broker = await startClassic();
    bridge = await startBridge(CHAT_MAPPING, brokerEnvironment(broker));
    bob = await joinChat(broker, 'bob');
  });

  afterAll(async () => {
    await bob?.leave();
    await bridge?.end();
    await broker?.stop();
  });

  test.each(CLIENTS)(
    'a chat message is a persistent TextMessage for %s, on topic and queue',
    async (client) => {
      const room = uniqueName('room');
      const topic = await javaReceive(placeOf(broker, client, { topic: `rooms.${room}` }));
      const queue = await javaReceive({
        ...placeOf(broker, client, { queue: 'chat-archive' }),
        selector: `room = '${room}'`,
      });
      await Promise.all([topic.ready, queue.ready]);

      const sent = chatMessage('bob', 'grüß Gott 🙂');
      await bob.publish(`chat/${room}/messages`, sent);

      const [onTopic] = await topic.messages;
      const [onQueue] = await queue.messages;
      const expected = {
        class: 'TextMessage',
        text: sent,
        JMSDeliveryMode: 'PERSISTENT',
        JMSMessageID: expect.stringMatching(/^ID:./),
        JMSXGroupID: room,
        JMSTimestamp: expect.toSatisfy((time: number) => time > 0),
        properties: expect.objectContaining({
          room: { type: 'String', value: room },
          sender: { type: 'String', value: 'bob' },
        }),
      };
      expect(onTopic).toMatchObject(expected);
      expect(onQueue).toMatchObject(expected);
    },
  );

  test.each(CLIENTS)('a TextMessage from %s to chat-outbox is said in the room it names', async (client) => {
    const room = uniqueName('room');
    const heard = await bob.listen(`chat/${room}/messages`);
    const text = chatMessage('back office', 'the kitchen is open');

    await javaSend({
      ...placeOf(broker, client, { queue: 'chat-outbox' }),
      body: { text },
      properties: { room: ['string', room] },
    });

    expect((await heard.first).toString()).toBe(text);
  });

  test('a Paho client and a Node client hear each other', async () => {
    const topic = `chat/${uniqueName('room')}/messages`;
    const place = { url: `tcp://${broker.host}:${broker.ports.mqtt}`, account: broker.accounts.ann, topic };
    const fromBob = chatMessage('bob', 'hi');
    const fromAnn = chatMessage('ann', 'hi yourself');
    const paho = await pahoSubscribe(place);
    const heard = await bob.listen(topic, (payload) => payload.toString() === fromAnn);
    await paho.ready;

    await bob.publish(topic, fromBob);
    await pahoPublish({ ...place, body: { text: fromAnn } });

    expect(await paho.messages).toEqual([
      { topic, base64: Buffer.from(fromBob).toString('base64'), qos: 1, retained: false, duplicate: false },
    ]);
    expect((await heard.first).toString()).toBe(fromAnn);
  });
});

const BROKERS = [
  { type: 'activemq', start: startClassic },
  { type: 'artemis', start: startArtemis },
] as const;

describe.each(BROKERS)('bodies and properties on $type', ({ type, start }) => {
  // Of its own kind of name on each side: an MQTT subscriber of Artemis competes with consumers of a like-named queue.
  const source = uniqueName('from');
  const target = uniqueName('to');
  const outbox = uniqueName('outbox');
  let broker: TestBroker;
  let bridge: TestBridge;
  let bob: ChatMember;

  const mapping = (via: string) => `
  over-${via}:
    from: { mqtt: "${source}/${via}/{case}" }
    to:
      topic: ${target}.${via}.{case}
      via: ${via}
      group: "{case}"
      properties: { text: "{body.text}", count: "{body.count}", ratio: "{body.ratio}", flag: "{body.flag}" }
  back-over-${via}:
    from: { queue: ${outbox}.${via}, via: ${via} }
    to: { mqtt: "back/${via}/{properties.room}" }`;

  beforeAll(async () => {
    broker = await start();
    bridge = await startBridgeOn(
      `version: 1
brokers:
  broker:
    type: ${type}
    mqtt: mqtt://\${ACTIVEMQ_HOST}:\${ACTIVEMQ_MQTT_PORT}
    amqp: amqp://\${ACTIVEMQ_HOST}:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://\${ACTIVEMQ_HOST}:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    lanes: 1
routes:${TRANSPORTS.map(mapping).join('')}
`,
      broker,
    );
    bob = await joinChat(broker, 'bob');
  });

  afterAll(async () => {
    await bob?.leave();
    await bridge?.end();
    await broker?.stop();
  });

  const routeStatus = (name: string): RouteStatus => {
    const found = bridge.status().routes.find((route) => route.name === name);
    if (found === undefined) throw new Error(`no route ${name}`);
    return found;
  };

  /** What each Java client gets of one MQTT message, sent over one protocol. */
  async function bridged(via: string, payload: string | Buffer): Promise<Record<JavaClient, JavaMessage>> {
    const name = uniqueName('case');
    const topic = `${target}.${via}.${name}`;
    const [openwire, qpid] = await Promise.all([
      javaReceive(placeOf(broker, 'openwire', { topic })),
      javaReceive(placeOf(broker, 'qpid', { topic })),
    ]);
    await Promise.all([openwire.ready, qpid.ready]);
    await bob.publish(`${source}/${via}/${name}`, payload);
    const [[first], [second]] = await Promise.all([openwire.messages, qpid.messages]);
    if (first === undefined || second === undefined) throw new Error('a receiver ended without its message');
    for (const { JMSXGroupID } of [first, second]) expect(JMSXGroupID).toBe(name);
    return { openwire: first, qpid: second };
  }

  test('over AMQP numbers and booleans keep their types', async () => {
    const body = JSON.stringify({ text: '7', count: 7, ratio: 0.5, flag: true });

    const seen = await bridged('amqp', body);

    for (const client of CLIENTS) {
      const { class: kind, text, JMSDeliveryMode, properties } = seen[client];
      expect({ kind, text, JMSDeliveryMode }).toEqual({
        kind: 'TextMessage',
        text: body,
        JMSDeliveryMode: 'PERSISTENT',
      });
      expect(properties).toMatchObject({
        text: { type: 'String', value: '7' },
        count: { type: expect.stringMatching(/^(Integer|Long)$/), value: 7 },
        ratio: { type: 'Double', value: 0.5 },
        flag: { type: 'Boolean', value: true },
      });
      expect(seen[client].JMSMessageID).toMatch(/^ID:./);
      expect(seen[client].JMSTimestamp).toBeGreaterThan(0);
    }
  });

  test('over STOMP numbers and booleans are strings: the protocol has no other type', async () => {
    const body = JSON.stringify({ text: '7', count: 7, ratio: 0.5, flag: true });

    const seen = await bridged('stomp', body);

    for (const client of CLIENTS) {
      const { class: kind, text, JMSDeliveryMode, properties } = seen[client];
      expect({ kind, text, JMSDeliveryMode }).toEqual({
        kind: 'TextMessage',
        text: body,
        JMSDeliveryMode: 'PERSISTENT',
      });
      expect(properties).toMatchObject({
        text: { type: 'String', value: '7' },
        count: { type: 'String', value: '7' },
        ratio: { type: 'String', value: '0.5' },
        flag: { type: 'String', value: 'true' },
      });
    }
  });

  test.each(TRANSPORTS)('over %s a binary body is a BytesMessage, byte for byte', async (via) => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

    const seen = await bridged(via, every);

    for (const client of CLIENTS) {
      expect(seen[client]).toMatchObject({
        class: 'BytesMessage',
        base64: every.toString('base64'),
        JMSDeliveryMode: 'PERSISTENT',
      });
    }
  });

  // Classic cannot acknowledge over STOMP what was sent over AMQP.
  const ways = TRANSPORTS.flatMap((via) => CLIENTS.map((client) => ({ via, client }))).filter(
    ({ via, client }) => type !== 'activemq' || via !== 'stomp' || client !== 'qpid',
  );

  test.each(ways)('a TextMessage from $client, read over $via, arrives on MQTT', async ({ via, client }) => {
    const room = uniqueName('room');
    const heard = await bob.listen(`back/${via}/${room}`);

    await javaSend({
      ...placeOf(broker, client, { queue: `${outbox}.${via}` }),
      body: { text: 'grüß Gott 🙂' },
      properties: { room: ['string', room], count: ['int', 7], flag: ['boolean', true] },
    });

    expect((await heard.first).toString()).toBe('grüß Gott 🙂');
    await eventually(() => routeStatus(`back-over-${via}`).inFlight === 0);
    expect(routeStatus(`back-over-${via}`)).toMatchObject({ state: 'running', deadLettered: 0 });
  });

  test.each(TRANSPORTS)(
    'a property called destination takes no message astray, read over %s',
    async (via) => {
      const room = uniqueName('room');
      const heard = await bob.listen(`back/${via}/${room}`);

      await javaSend({
        ...placeOf(broker, 'openwire', { queue: `${outbox}.${via}` }),
        body: { text: 'to Paris' },
        properties: { room: ['string', room], destination: ['string', 'Paris'] },
      });

      expect((await heard.first).toString()).toBe('to Paris');
    },
  );
});

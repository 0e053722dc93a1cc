import { connect, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Connection, Delivery, Sink } from '../../bridge/connectors/connector.js';
import type { PatternLevel } from '../../bridge/message/address.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { forever, from, message, queue } from '../contract/jms-workbench.js';
import { startBridgeOn, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { destinationsOf } from '../support/destinations.js';
import { eventually } from '../support/eventually.js';
import { EVIL_NAMES, type EvilName } from '../support/evil-names.js';
import { uniqueName } from '../support/names.js';

/** Nobody can have a name like this; over MQTT on a plain MQTT broker nor one like the second. */
const TOO_LONG = 'x'.repeat(10_000);
const FAR_TOO_LONG = 'x'.repeat(70_000);

const firstOf = ({ level, first = level }: EvilName) => first;
const sorted = (names: Iterable<string>) => [...names].toSorted();

/** Everything that is said on MQTT from when it resolves on, but what Classic says itself. */
async function listenTo({ host, ports, accounts }: TestBroker, filter: string) {
  const client: MqttClient = connect({ host, port: ports.mqtt, ...accounts.ann, reconnectPeriod: 0 });
  const heard: { readonly topic: string; readonly text: string }[] = [];
  client.on('message', (topic, payload) => {
    if (!topic.startsWith('ActiveMQ/Advisory/')) heard.push({ topic, text: payload.toString() });
  });
  await client.subscribeAsync(filter, { qos: 1 });
  return { heard, publish: client.publishAsync.bind(client), end: () => client.endAsync() };
}

async function openAmqp(broker: TestBroker): Promise<Connection> {
  return connectAmqp({ ...endpointOf(broker, 'amqp'), clientId: uniqueName('test') }, forever());
}

/** Every delivery of a JMS topic and all below, accepted. */
async function hear(connection: Connection, base: string): Promise<{ name: string; text: string }[]> {
  const heard: { name: string; text: string }[] = [];
  const levels: PatternLevel[] = [{ literal: base }, 'rest'];
  const pattern = { kind: 'topic', levels } as const;
  const source = await connection.source({ kind: 'topic', pattern, window: 1_000 }, (delivery) => {
    heard.push({ name: delivery.message.address.name, text: textOf(delivery) });
    delivery.settle('accepted');
  });
  source.grant(1_000);
  return heard;
}

/** What is in a queue of exactly this name, all of it. */
async function drain(connection: Connection, sink: Sink, name: string): Promise<string[]> {
  const texts: string[] = [];
  // Behind everything that is there; when it comes, all has come.
  await sink.send(message(queue(name), 'that was all'));
  const source = await connection.source(from(queue(name)), (delivery) => {
    texts.push(textOf(delivery));
    delivery.settle('accepted');
  });
  source.grant(1_000);
  await eventually(() => texts.includes('that was all'));
  await source.stop();
  return texts.slice(0, texts.indexOf('that was all'));
}

function textOf({ message: { body } }: Delivery): string {
  return typeof body === 'string' ? body : Buffer.isBuffer(body) ? body.toString() : body.unsupported;
}

const asked = (text: string) => JSON.stringify({ name: text });

const WAYS = [
  { product: 'ActiveMQ Classic', start: startClassic, via: 'amqp' },
  { product: 'ActiveMQ Classic', start: startClassic, via: 'stomp' },
  { product: 'ActiveMQ Artemis', start: startArtemis, via: 'amqp' },
  { product: 'ActiveMQ Artemis', start: startArtemis, via: 'stomp' },
] as const;

describe.each(WAYS)('a name that a stranger chose, in JMS names on $product over $via', ({ start, via }) => {
  let broker: TestBroker;
  let bridge: TestBridge;
  let connection: Connection;
  let sink: Sink;
  let before: readonly string[];
  let after: readonly string[];
  let onTopics: { name: string; text: string }[];
  let onMqtt: { topic: string; text: string }[];
  let back: { name: string; from: string }[];
  let endMqtt: () => Promise<void>;
  const inQueues = new Map<string, string[]>();

  const mapping = () => `
version: 1
brokers:
  jms:
    type: ${broker.type}
    host: 127.0.0.1
    mqtt: mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
routes:
  there:
    from: { queue: ID.in, via: amqp }
    to:
      - { queue: "ID.q.{body.name}", via: ${via} }
      - { queue: "ID.w.{body.name}", via: ${via} }
      - { queue: "{body.name}", via: ${via} }
      - { topic: "IDt.{body.name}", via: ${via} }
    deadLetter: ID.dead
  back-from-topic:
    from: { topic: "IDt.{name}", via: amqp }
    to: { queue: ID.back, via: amqp, body: '{ {"name": name, "from": topic} }' }
  back-from-queue:
    from: { queue: "ID.w.{name}", via: amqp }
    to: { queue: ID.back, via: amqp, body: '{ {"name": name, "from": topic} }' }
`;

  beforeAll(async () => {
    broker = await start();
    bridge = await startBridgeOn(mapping(), broker);
    connection = await openAmqp(broker);
    sink = await connection.sink({ window: 500, sendTimeout: 20_000 });
    onTopics = await hear(connection, 'IDt');
    const mqtt = await listenTo(broker, 'IDt/#');
    onMqtt = mqtt.heard;
    endMqtt = mqtt.end;
    before = await destinationsOf(broker);
    const texts = [...EVIL_NAMES.map(({ text }) => text), TOO_LONG, 'plain'];
    for (const text of texts) await sink.send(message(queue('ID.in'), asked(text)));
    await eventually(() =>
      bridge
        .status()
        .routes.every(
          ({ name, received, inFlight }) =>
            inFlight === 0 && received === (name === 'there' ? texts.length : texts.length - 1),
        ),
    );
    await eventually(() => [onTopics, onMqtt].every((heard) => heard.length >= texts.length - 1));
    after = await destinationsOf(broker);
    for (const one of EVIL_NAMES)
      for (const name of [`ID.q.${one.level}`, firstOf(one)])
        inQueues.set(name, await drain(connection, sink, name));
    back = (await drain(connection, sink, 'ID.back')).map(
      (text) => JSON.parse(text) as { name: string; from: string },
    );
  });
  afterAll(async () => {
    await endMqtt?.();
    await connection?.close();
    await bridge?.end();
    await broker?.stop();
  });

  it.each(EVIL_NAMES)('$text comes to the one queue and the one topic of that name', (one) => {
    const { text, level } = one;
    expect(inQueues.get(`ID.q.${level}`)).toEqual([asked(text)]);
    expect(inQueues.get(firstOf(one))).toEqual([asked(text)]);
    const heard = ({ text: said }: { text: string }) => said === asked(text);
    expect(onTopics.filter(heard)).toEqual([{ name: `IDt.${level}`, text: asked(text) }]);
    expect(onMqtt.filter(heard)).toEqual([{ topic: `IDt/${level}`, text: asked(text) }]);
  });

  it('creates no destination that the rule does not name', () => {
    const named = [...EVIL_NAMES, { text: 'plain', level: 'plain' }].flatMap((one) => [
      `queue ID.q.${one.level}`,
      `queue ID.w.${one.level}`,
      `queue ${firstOf(one)}`,
      `topic IDt.${one.level}`,
    ]);
    const own = ['queue ID.in', 'queue ID.back', 'queue ID.dead'];
    expect(sorted(after)).toEqual(sorted(new Set([...before, ...named, ...own])));
    expect(onTopics).toHaveLength(EVIL_NAMES.length + 1);
    expect(onMqtt).toHaveLength(EVIL_NAMES.length + 1);
  });

  it('is told again by a capture, from a topic and from a queue', () => {
    const expected = [...EVIL_NAMES, { text: 'plain', level: 'plain' }].flatMap(({ text, level }) => [
      { name: text, from: `IDt.${level}` },
      { name: text, from: `ID.w.${level}` },
    ]);
    const key = (one: { name: string; from: string }) => JSON.stringify([one.from, one.name]);
    expect(sorted(back.map(key))).toEqual(sorted(expected.map(key)));
  });

  it('is a dead letter when it is too long, and the rest goes on', async () => {
    const letters: Delivery[] = [];
    const source = await connection.source(from(queue('ID.dead')), (delivery) => letters.push(delivery));
    source.grant(10);
    await eventually(() => letters.length === 4);
    for (const { message: letter } of letters) {
      expect(letter.properties.get('bridge_reason')).toBe('destination-refused');
      expect(letter.properties.get('bridge_error')).toMatch(
        / is a name of 100\d\d bytes; the longest is 1000$/,
      );
    }
    expect(await drain(connection, sink, 'ID.q.plain')).toEqual([asked('plain')]);
    // No lane has lost its connection over any of them.
    for (const { retried } of bridge.status().routes) expect(retried).toBe(0);
  });
});

const MQTT_BROKERS = [
  { product: 'ActiveMQ Classic', start: startClassic },
  { product: 'ActiveMQ Artemis', start: startArtemis },
  { product: 'Mosquitto', start: startMosquitto },
] as const;

describe.each(MQTT_BROKERS)(
  'a name that a stranger chose, in MQTT topics on $product',
  ({ product, start }) => {
    let broker: TestBroker;
    let bridge: TestBridge;
    let connection: Connection | undefined;
    let mqtt: Awaited<ReturnType<typeof listenTo>>;
    let before: readonly string[] = [];
    let onTopics: { name: string; text: string }[] = [];

    const mapping = () => `
version: 1
brokers:
  chat:
    type: ${broker.type}
    mqtt: mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}
    ${broker.type === 'mqtt' ? '' : `amqp: amqp://127.0.0.1:${broker.ports.amqp}`}
    ${broker.type === 'mqtt' ? '' : `stomp: stomp://127.0.0.1:${broker.ports.stomp}`}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
routes:
  there:
    from: { mqtt: said/in }
    to: [{ mqtt: "IDm/{body.name}" }, { mqtt: "{body.name}/by" }]
    deadLetter: ID.dead
  back:
    from: { mqtt: "IDm/{name}" }
    to: { mqtt: said/back, body: '{ {"name": name, "from": topic} }' }
`;
    const heardOn = (test: RegExp) => mqtt.heard.filter(({ topic }) => test.test(topic));

    beforeAll(async () => {
      broker = await start();
      bridge = await startBridgeOn(mapping(), broker);
      if (broker.type !== 'mqtt') {
        connection = await openAmqp(broker);
        onTopics = await hear(connection, 'IDm');
      }
      mqtt = await listenTo(broker, '#');
      before = broker.type === 'mqtt' ? [] : await destinationsOf(broker);
      const texts = [...EVIL_NAMES.map(({ text }) => text), FAR_TOO_LONG, 'plain'];
      for (const text of texts) await mqtt.publish('said/in', asked(text), { qos: 1 });
      const all = texts.length - 1;
      await eventually(() =>
        [/^IDm\//, /\/by$/, /^said\/back$/].every((test) => heardOn(test).length >= all),
      );
      await eventually(() => connection === undefined || onTopics.length >= all);
      await eventually(() => bridge.status().routes.every(({ inFlight }) => inFlight === 0));
    });
    afterAll(async () => {
      await mqtt?.end();
      await connection?.close();
      await bridge?.end();
      await broker?.stop();
    });

    it.each(EVIL_NAMES)('$text comes to the one topic of that name', (one) => {
      const { text, level } = one;
      const heard = ({ text: said, ...rest }: { text: string; topic?: string }) =>
        said === asked(text) && rest.topic !== 'said/in';
      expect(sorted(mqtt.heard.filter(heard).map(({ topic }) => topic))).toEqual(
        sorted([`IDm/${level}`, `${firstOf(one)}/by`]),
      );
      if (connection !== undefined)
        expect(onTopics.filter(heard)).toEqual([{ name: `IDm.${level}`, text: asked(text) }]);
    });

    it('is told again by a capture', () => {
      const told = heardOn(/^said\/back$/).map(({ text }) => text);
      const expected = [...EVIL_NAMES, { text: 'plain', level: 'plain' }].map(({ text, level }) =>
        JSON.stringify({ name: text, from: `IDm/${level}` }),
      );
      expect(sorted(told)).toEqual(sorted(expected));
    });

    it.runIf(product !== 'Mosquitto')('creates no destination that the rule does not name', async () => {
      const named = [...EVIL_NAMES, { text: 'plain', level: 'plain' }].flatMap((one) => [
        `topic IDm.${one.level}`,
        `topic ${firstOf(one)}.by`,
      ]);
      const own = ['topic said.in', 'topic said.back', 'queue ID.dead'];
      expect(await destinationsOf(broker)).toEqual(sorted(new Set([...before, ...named, ...own])));
    });

    it('is a dead letter when it is too long', () => {
      const [there] = bridge.status().routes;
      expect(there).toMatchObject({ name: 'there', deadLettered: 2, delivered: EVIL_NAMES.length + 1 });
    });
  },
);

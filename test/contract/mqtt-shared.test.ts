import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, Delivery, Endpoint, Source } from '../../bridge/connectors/connector.js';
import { connectMqtt } from '../../bridge/connectors/mqtt/connect.js';
import { startArtemis, startMosquitto, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';

const BROKERS = [
  { name: 'ActiveMQ Artemis', start: startArtemis, mqttVersion: '3.1.1' },
  { name: 'ActiveMQ Artemis', start: startArtemis, mqttVersion: 5 },
  { name: 'Mosquitto', start: startMosquitto, mqttVersion: '3.1.1' },
  { name: 'Mosquitto', start: startMosquitto, mqttVersion: 5 },
] as const;

interface Member {
  readonly connection: Connection;
  readonly source: Source;
  readonly deliveries: Delivery[];
  readonly bodies: () => string[];
}

/** What a member does with a delivery. */
type Manner = 'accepts' | 'holds';

describe.each(BROKERS)('a shared subscription on $name, MQTT $mqttVersion', ({ start, mqttVersion }) => {
  let broker: TestBroker;
  let publisher: MqttClient;
  const open: Connection[] = [];

  beforeAll(async () => {
    broker = await start();
    publisher = await connectAsync(`mqtt://${broker.host}:${broker.ports.mqtt}`, broker.accounts.ann);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => connection.close()));
  });
  afterAll(async () => {
    await publisher.endAsync();
    await broker.stop();
  });

  const join = async (
    { topic, share }: { topic: string; share?: string },
    { manner = 'accepts', ...more }: Partial<Endpoint> & { manner?: Manner } = {},
  ): Promise<Member> => {
    const identity = { clientId: uniqueName('member'), cleanSession: true, mqttVersion };
    const endpoint = { ...endpointOf(broker, 'mqtt'), ...identity, ...more };
    const connection = await connectMqtt(endpoint, new AbortController().signal);
    open.push(connection);
    const deliveries: Delivery[] = [];
    const levels = [...topic.split('/').map((literal) => ({ literal })), 'one' as const];
    const subscription = {
      pattern: { kind: 'mqtt', levels },
      qos: 1,
      ...(share === undefined ? {} : { share }),
    } as const;
    const source = await connection.source({ kind: 'mqtt', subscriptions: [subscription] }, (delivery) => {
      deliveries.push(delivery);
      if (manner === 'accepts') delivery.settle('accepted');
    });
    source.grant(1_000);
    return {
      connection,
      source,
      deliveries,
      bodies: () => deliveries.map(({ message }) => String(message.body)),
    };
  };
  const newGroup = () => ({ topic: `shared/${uniqueName('t')}`, share: uniqueName('g') });
  const publish = async (topic: string, bodies: readonly string[]) => {
    for (const body of bodies) await publisher.publishAsync(`${topic}/x`, body, { qos: 1 });
  };
  const texts = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => `m${from + index}`);
  const sorted = (bodies: readonly string[]) => [...bodies].sort();

  it('gives each message to one of two members, and all to a subscriber outside', async () => {
    const group = newGroup();
    const members = [await join(group), await join(group)];
    const outside = await join({ topic: group.topic });
    const sent = texts(0, 100);
    await publish(group.topic, sent);
    await eventually(() => outside.deliveries.length === 100);
    const got = () => members.flatMap(({ bodies }) => bodies());
    await eventually(() => got().length >= 100);
    expect(sorted(got())).toEqual(sorted(sent));
    for (const { deliveries } of members) expect(deliveries.length).toBeGreaterThan(0);
    expect(members[0]?.deliveries[0]?.message.address.name).toBe(`${group.topic}/x`);
  });

  it('gives everything to the one that is left when the other leaves', async () => {
    const group = newGroup();
    const [leaving, staying] = [await join(group), await join(group)];
    await publish(group.topic, texts(0, 20));
    await eventually(() => leaving.deliveries.length + staying.deliveries.length === 20);
    await leaving.connection.close();
    await publish(group.topic, texts(20, 20));
    const got = () => [...leaving.bodies(), ...staying.bodies()];
    await eventually(() => got().length >= 40);
    expect(sorted(got())).toEqual(sorted(texts(0, 40)));
  });

  it('loses nothing that a member left unsettled', async () => {
    const group = newGroup();
    const identity = { clientId: uniqueName('member'), cleanSession: false };
    const holding = await join(group, { ...identity, manner: 'holds' });
    const other = await join(group);
    await publish(group.topic, texts(0, 20));
    await eventually(() => holding.deliveries.length + other.deliveries.length === 20);
    await holding.connection.close();
    const back = await join(group, identity);
    await eventually(() => eachOf([other, back]).size === 20);
    expect([...eachOf([other, back])].sort()).toEqual(sorted(texts(0, 20)));
  });

  // Artemis gives the group one queue, and to who is there; Mosquitto keeps for a durable session its part.
  it('loses nothing that is published while a member with a durable session is away', async () => {
    const group = newGroup();
    const identity = { clientId: uniqueName('member'), cleanSession: false };
    await (await join(group, identity)).connection.close();
    const staying = await join(group);
    await publish(group.topic, texts(0, 20));
    const back = await join(group, identity);
    await eventually(() => eachOf([staying, back]).size === 20);
    expect([...eachOf([staying, back])].sort()).toEqual(sorted(texts(0, 20)));
  });

  it('keeps what is published while all members are away, whose sessions are durable', async () => {
    const group = newGroup();
    const ids = [uniqueName('member'), uniqueName('member')];
    for (const clientId of ids)
      await (await join(group, { clientId, cleanSession: false })).connection.close();
    await publish(group.topic, texts(0, 20));
    const members: Member[] = [];
    for (const clientId of ids) members.push(await join(group, { clientId, cleanSession: false }));
    // Artemis hands over again what came between CONNACK and SUBACK (2.40.0).
    await eventually(() => eachOf(members).size === 20);
    expect([...eachOf(members)].sort()).toEqual(sorted(texts(0, 20)));
  });
});

/** What arrived at any of them, each once. */
function eachOf(members: readonly Member[]): Set<string> {
  return new Set(members.flatMap(({ bodies }) => bodies()));
}

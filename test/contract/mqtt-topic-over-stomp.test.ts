import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../bridge/connectors/connector.js';
import { connectMqtt } from '../../bridge/connectors/mqtt/connect.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import type { OutboundMessage } from '../../bridge/message/message.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { forever, message } from './jms-workbench.js';

/** ActiveMQ Classic PUBACKs what the account may not publish and throws it away; over STOMP it says so. */
describe('an MQTT topic of ActiveMQ Classic, written over STOMP', () => {
  let broker: TestBroker;
  const clients: MqttClient[] = [];
  const connections: Connection[] = [];
  beforeAll(async () => {
    broker = await startClassic({ writable: 'test' });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync()));
    await Promise.all(connections.splice(0).map((connection) => connection.close()));
  });
  afterAll(() => broker.stop());

  async function subscriber(filter: string): Promise<{ readonly first: Promise<IPublishPacket> }> {
    const client = await connectAsync({
      host: broker.host,
      port: broker.ports.mqtt,
      ...broker.accounts.ann,
      reconnectPeriod: 0,
    });
    clients.push(client);
    const first = new Promise<IPublishPacket>((resolve) => {
      client.once('message', (_topic, _payload, packet) => resolve(packet));
    });
    await client.subscribeAsync(filter, { qos: 2 });
    return { first };
  }

  async function send(
    protocol: 'mqtt' | 'stomp',
    name: string,
    body: string | Buffer,
    more: Partial<OutboundMessage> = {},
  ): Promise<void> {
    const endpoint = { ...endpointOf(broker, protocol), clientId: uniqueName('sender'), cleanSession: true };
    const connection = await (protocol === 'mqtt' ? connectMqtt : connectStomp)(endpoint, forever());
    connections.push(connection);
    const sink = await connection.sink({ window: 1, sendTimeout: 20_000 });
    await sink.send(message({ kind: 'mqtt', name }, body, more));
  }

  it.each([
    ['levels', 'test/ID/messages'],
    ['dots inside a level', 'test/v1.0/ID'],
    ['encoded text', 'test/ID/a%2Eb%2Cc'],
    ['characters that are wildcards in JMS', 'test/ID/a*b>c'],
    ['what is no ASCII', 'test/ID/größe 😀'],
  ])('reaches the subscribers of just this topic: %s', async (_, pattern) => {
    const topic = pattern.replace('ID', uniqueName('t'));
    const { first } = await subscriber(topic);
    await send('stomp', topic, 'hi');
    expect(await first).toMatchObject({ topic, qos: 1 });
  });

  it.each([
    ['text', 'größe 😀', Buffer.from('größe 😀')],
    ['text with a NUL', 'a\0b', Buffer.from('a\0b')],
    ['bytes', Buffer.from([0, 255, 10, 13]), Buffer.from([0, 255, 10, 13])],
    ['nothing', '', Buffer.alloc(0)],
  ])('carries %s as it is', async (_, body, payload) => {
    const topic = `test/${uniqueName('t')}`;
    const { first } = await subscriber(topic);
    await send('stomp', topic, body);
    expect((await first).payload).toEqual(payload);
  });

  it.each([0, 1, 2] as const)('carries QoS %i', async (qos) => {
    const topic = `test/${uniqueName('t')}`;
    const { first } = await subscriber(topic);
    await send('stomp', topic, 'hi', { qos });
    expect(await first).toMatchObject({ qos });
  });

  it('is retained, and an empty body ends that', async () => {
    const topic = `test/${uniqueName('t')}`;
    await send('stomp', topic, 'first', { retain: true });
    expect(await (await subscriber(topic)).first).toMatchObject({ retain: true });
    await send('stomp', topic, '', { retain: true });
    const { first } = await subscriber(topic);
    await send('stomp', topic, 'new');
    expect(String((await first).payload)).toBe('new');
  });

  it('says that the account may not publish there; over MQTT that would be acknowledged and lost', async () => {
    await expect(send('stomp', 'forbidden/topic', 'hi')).rejects.toMatchObject({
      code: 'destination-refused',
      transient: false,
    });
    const { first } = await subscriber('forbidden/topic');
    await send('mqtt', 'forbidden/topic', 'lost');
    const marker = await Promise.race([
      first.then(() => 'came'),
      (async () => {
        const { first: allowed } = await subscriber('test/marker');
        await send('mqtt', 'test/marker', 'allowed');
        await allowed;
        return 'lost';
      })(),
    ]);
    expect(marker).toBe('lost');
  });

  it.each(['a/+', 'a/#', 'a/\0', ''])('refuses a name that no topic can have: %j', async (name) => {
    await expect(send('stomp', name, 'x')).rejects.toMatchObject({ code: 'destination-refused' });
  });
});

import { connect, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { forever, from, message } from './jms-workbench.js';

/** What `validate` warns of because the brokers were seen to do it. */

async function mqttClient(broker: TestBroker, clientId: string): Promise<MqttClient> {
  const client = connect({
    host: broker.host,
    port: broker.ports.mqtt,
    ...broker.accounts.ann,
    clientId,
    reconnectPeriod: 0,
  });
  await new Promise((connected) => client.once('connect', connected));
  return client;
}

/** The topics of what comes to a new subscriber, from now on. */
async function subscribed(broker: TestBroker, ...filters: string[]): Promise<string[]> {
  const client = await mqttClient(broker, uniqueName('sub'));
  const topics: string[] = [];
  client.on('message', (topic) => topics.push(topic));
  for (const filter of filters) await client.subscribeAsync(filter, { qos: 1 });
  return topics;
}

async function publish(broker: TestBroker, ...topics: string[]): Promise<void> {
  const client = await mqttClient(broker, uniqueName('pub'));
  for (const topic of topics) await client.publishAsync(topic, 'x', { qos: 1 });
  await client.endAsync();
}

describe('Classic', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startClassic();
  });
  afterAll(() => broker.stop());

  it('never delivers on topics that begin with $', async () => {
    const topics = await subscribed(broker, '$own/#', 'after');
    await publish(broker, '$own/x', 'after');
    await eventually(() => topics.includes('after'));
    expect(topics).toEqual(['after']);
  });

  it('hands its own messages to a subscriber of any three levels', async () => {
    const topics = await subscribed(broker, '+/+/+');
    await publish(broker, 'a');
    await eventually(() => topics.includes('ActiveMQ/Advisory/Connection'));
  });

  it('keeps one connection of a client id, whatever it speaks', async () => {
    const clientId = uniqueName('same');
    const client = await mqttClient(broker, clientId);
    await expect(connectStomp({ ...endpointOf(broker, 'stomp'), clientId }, forever())).rejects.toThrow(
      /already connected/,
    );
    expect(client.connected).toBe(true);
  });
});

describe('Artemis', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startArtemis();
  });
  afterAll(() => broker.stop());

  it('delivers on topics that begin with $', async () => {
    const topics = await subscribed(broker, '$own/#');
    await publish(broker, '$own/x');
    await eventually(() => topics.includes('$own/x'));
  });

  it('gives what waits on a queue to an MQTT subscriber of its name', async () => {
    const { name, send } = await queueInUse();
    await send('for a reader of the queue');
    const topics = await subscribed(broker, `${name}/queue`);
    await eventually(() => topics.length > 0);
    expect(topics).toEqual([`${name}/queue`]);
  });

  it('gives an MQTT message to the queue of its name, and not to an MQTT subscriber with a wildcard', async () => {
    const { name, send, bodies } = await queueInUse();
    await send('first');
    const topics = await subscribed(broker, `${name}/#`);
    await publish(broker, `${name}/queue`, `${name}/other`);
    await eventually(() => topics.length > 0);
    expect(topics).toEqual([`${name}/other`]);
    expect(await bodies(2)).toEqual(['first', 'x']);
  });

  /** A queue with a way to write it and to read it. */
  async function queueInUse() {
    const name = uniqueName('one');
    const address = { kind: 'queue', name: `${name}.queue` } as const;
    const endpoint = { ...endpointOf(broker, 'amqp'), clientId: uniqueName('jms') };
    const connection = await connectAmqp(endpoint, forever());
    const sink = await connection.sink({ window: 1, sendTimeout: 20_000 });
    return {
      name,
      send: (body: string) => sink.send(message(address, body)),
      bodies: async (count: number) => {
        const found: string[] = [];
        const source = await connection.source(from(address), (delivery) => {
          found.push(String(delivery.message.body));
          delivery.settle('accepted');
        });
        source.grant(count);
        await eventually(() => found.length >= count);
        return found;
      },
    };
  }
});

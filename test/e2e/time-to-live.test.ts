import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { forever, message } from '../contract/jms-workbench.js';
import { brokerEnvironment, startBridgeOn, type TestBridge } from '../support/bridge.js';
import { startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';

const MAPPING = `
version: 1
brokers:
  jms:
    type: activemq
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
  front:
    type: mqtt
    mqtt: mqtt://127.0.0.1:\${FRONT_MQTT_PORT}
    mqttVersion: 5
    username: \${FRONT_USERNAME}
    password: \${FRONT_PASSWORD}
routes:
  out: { from: { broker: jms, queue: out }, to: { broker: front, mqtt: out } }
`;

describe('a JMS message that has a time to live', () => {
  let jms: TestBroker;
  let front: TestBroker;
  let bridge: TestBridge;
  const clients: MqttClient[] = [];
  beforeAll(async () => {
    [jms, front] = await Promise.all([startClassic(), startMosquitto()]);
    bridge = await startBridgeOn(MAPPING, jms, { env: brokerEnvironment(front, 'FRONT') });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  });
  afterAll(async () => {
    await bridge?.end();
    await Promise.all([jms?.stop(), front?.stop()]);
  });

  async function send(body: string, ttl?: number): Promise<void> {
    const endpoint = { ...endpointOf(jms, 'stomp'), clientId: uniqueName('sender') };
    const connection = await connectStomp(endpoint, forever());
    const sink = await connection.sink({ window: 1, sendTimeout: 20_000 });
    await sink.send(message({ kind: 'queue', name: 'out' }, body, ttl === undefined ? {} : { ttl }));
    await connection.close();
  }

  async function subscriber(): Promise<IPublishPacket[]> {
    const { username, password } = front.accounts.ann;
    const client = await connectAsync({
      host: front.host,
      port: front.ports.mqtt,
      username,
      password,
      protocolVersion: 5,
      reconnectPeriod: 0,
    });
    clients.push(client);
    const got: IPublishPacket[] = [];
    client.on('message', (_topic, _payload, packet) => got.push(packet));
    await client.subscribeAsync('out', { qos: 1 });
    return got;
  }

  it('goes on with what is left of it', async () => {
    const got = await subscriber();
    await send('a minute', 60_000);
    await eventually(() => got.length === 1);
    expect(got[0]?.properties?.messageExpiryInterval).toBeGreaterThan(30);
    expect(got[0]?.properties?.messageExpiryInterval).toBeLessThanOrEqual(60);
  });

  it('is not delivered as fresh when that is over before the other broker is back', async () => {
    await front.kill();
    await eventually(() => !bridge.status().ready);
    await send('stale', 1_500);
    await send('still wanted');
    await eventually(() => bridge.status().routes[0]?.inFlight === 2);
    const over = performance.now() + 1_500;
    await eventually(() => performance.now() > over);
    await front.restart();
    await eventually(() => bridge.status().routes[0]?.inFlight === 0);
    const [route] = bridge.status().routes;
    expect(route).toMatchObject({ received: 3, delivered: 2, expired: 1, deadLettered: 0 });
  });
});

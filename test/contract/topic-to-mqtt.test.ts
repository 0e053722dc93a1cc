import { connect, type IPublishPacket, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { flavourOf } from '../../bridge/connectors/flavours/flavour.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { forever, message, topic } from './jms-workbench.js';

const BROKERS = [
  { type: 'activemq', start: startClassic },
  { type: 'artemis', start: startArtemis },
] as const;
const PROTOCOLS = [
  { protocol: 'amqp', connectTo: connectAmqp },
  { protocol: 'stomp', connectTo: connectStomp },
] as const;

/** On both brokers the JMS topic `a.b` is the MQTT topic `a/b`. */
describe.each(BROKERS)('an MQTT subscriber of a JMS topic of $type', ({ type, start }) => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker.stop());

  const subscribe = async (
    filter: string,
  ): Promise<{ client: MqttClient; first: Promise<IPublishPacket> }> => {
    const client = connect({
      host: broker.host,
      port: broker.ports.mqtt,
      ...broker.accounts.ann,
      reconnectPeriod: 0,
    });
    const first = new Promise<IPublishPacket>((resolve) => {
      client.once('message', (_topic, _payload, packet) => resolve(packet));
    });
    await client.subscribeAsync(filter, { qos: 2 });
    return { client, first };
  };

  const send = async (
    { protocol, connectTo }: (typeof PROTOCOLS)[number],
    to: string,
    more: { qos: 0 | 1 | 2; retain?: boolean; persistent?: boolean },
  ) => {
    const endpoint = { ...endpointOf(broker, protocol), clientId: uniqueName('sender') };
    const connection = await connectTo(endpoint, forever());
    const sink = await connection.sink({ window: 1, sendTimeout: 20_000 });
    await sink.send(message(topic(to), 'hi', { persistent: true, retain: false, ...more }));
    await connection.close();
  };

  const cases = PROTOCOLS.flatMap((way) =>
    ([0, 1, 2] as const).flatMap((qos) => [true, false].map((persistent) => ({ ...way, qos, persistent }))),
  );
  it.each(cases)('gets what the rule says: qos $qos over $protocol, persistent $persistent', async (one) => {
    const level = uniqueName('t');
    const { client, first } = await subscribe(`jms/${level}`);
    await send(one, `jms.${level}`, { qos: one.qos, persistent: one.persistent });
    expect(await first).toMatchObject({ qos: one.qos, topic: `jms/${level}` });
    await client.endAsync();
  });

  const retaining = PROTOCOLS.filter(({ protocol }) => flavourOf(type).mqtt.retainsFrom.includes(protocol));
  it.each(retaining)('gets later what was retained over $protocol', async (way) => {
    const level = uniqueName('t');
    await send(way, `jms.${level}`, { qos: 1, retain: true });
    const { client, first } = await subscribe(`jms/${level}`);
    expect(await first).toMatchObject({ retain: true });
    await client.endAsync();
  });
});

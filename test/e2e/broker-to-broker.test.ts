import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { brokerEnvironment, startBridge, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { type JavaClient, javaReceive, javaSend } from '../support/java.js';
import { uniqueName } from '../support/names.js';

/** One file with two brokers: what Java sends on one is what Java gets on the other. */
describe('a bridge between ActiveMQ Classic and Artemis', () => {
  let classic: TestBroker;
  let artemis: TestBroker;
  let folder = '';
  let bridge: TestBridge | undefined;

  beforeAll(async () => {
    [classic, artemis] = await Promise.all([startClassic(), startArtemis()]);
    folder = await mkdtemp(join(tmpdir(), 'broker-to-broker-'));
  });
  afterEach(async () => {
    await bridge?.end();
    bridge = undefined;
  });
  afterAll(async () => {
    await Promise.all([classic?.stop(), artemis?.stop()]);
    await rm(folder, { recursive: true });
  });

  async function start(routes: string): Promise<void> {
    const file = join(folder, `${uniqueName('mapping')}.yaml`);
    await writeFile(
      file,
      `version: 1
brokers:
  classic:
    type: activemq
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: ${uniqueName('bridge')}
  artemis:
    type: artemis
    amqp: amqp://127.0.0.1:\${ARTEMIS_AMQP_PORT}
    username: \${ARTEMIS_USERNAME}
    password: \${ARTEMIS_PASSWORD}
routes:
${routes}`,
    );
    bridge = await startBridge(file, {
      ...brokerEnvironment(classic),
      ...brokerEnvironment(artemis, 'ARTEMIS'),
    });
  }

  const at = (broker: TestBroker, client: JavaClient) => ({
    client,
    url:
      client === 'openwire'
        ? `tcp://${broker.host}:${broker.ports.openwire}`
        : `amqp://${broker.host}:${broker.ports.amqp}`,
    account: broker.accounts.bob,
  });

  const ALL = 'copyProperties: true, type: "{message.type}", group: "{message.group}"';

  it.each([
    ['classic', 'artemis'],
    ['artemis', 'classic'],
  ] as const)(
    'carries messages from %s to %s with their properties and headers, in order',
    async (from, to) => {
      const id = uniqueName('queue');
      await start(`
  carry: { from: { broker: ${from}, queue: ${id} }, to: { broker: ${to}, queue: ${id}, ${ALL} } }
`);
      const [source, target] = from === 'classic' ? [classic, artemis] : [artemis, classic];
      await javaSend({
        ...at(source, 'openwire'),
        queue: id,
        body: { text: 'order {n}' },
        properties: { city: ['string', 'Köln'], amount: ['int', 7], paid: ['boolean', true] },
        group: 'g1',
        type: 'order',
        correlationId: 'c-1',
        count: 200,
      });
      const receiver = await javaReceive({ ...at(target, 'openwire'), queue: id, count: 200 });
      const got = await receiver.messages;
      expect(got.map(({ text }) => text)).toEqual(Array.from({ length: 200 }, (_, n) => `order ${n}`));
      expect(got[0]).toMatchObject({
        class: 'TextMessage',
        JMSType: 'order',
        JMSCorrelationID: 'c-1',
        JMSXGroupID: 'g1',
        JMSDeliveryMode: 'PERSISTENT',
        properties: { city: { value: 'Köln' } },
      });
      // STOMP, over which the bridge writes to Classic, has only text.
      const typed = to === 'artemis';
      expect(got[0]?.properties.amount).toEqual(
        typed ? { type: 'Integer', value: 7 } : { type: 'String', value: '7' },
      );
      expect(got[0]?.properties.paid).toEqual(
        typed ? { type: 'Boolean', value: true } : { type: 'String', value: 'true' },
      );
    },
  );

  it('carries a topic to the durable subscribers of another broker', async () => {
    const id = uniqueName('topic');
    await start(`
  carry:
    from: { broker: classic, topic: "${id}.{area}", durable: ${id} }
    to: { broker: artemis, topic: "${id}.{area}", ${ALL} }
`);
    const receiver = await javaReceive({
      ...at(artemis, 'qpid'),
      topic: `${id}.north`,
      durable: { name: 'subscription', clientId: uniqueName('java') },
    });
    await receiver.ready;
    await javaSend({ ...at(classic, 'openwire'), topic: `${id}.north`, body: { text: 'snow' } });
    expect((await receiver.messages)[0]).toMatchObject({ class: 'TextMessage', text: 'snow' });
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Connection } from '../../bridge/connectors/connector.js';
import { startBridgeOn } from '../support/bridge.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { destinationsOf } from '../support/destinations.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { forever, message } from './jms-workbench.js';

const SPEC = { window: 10, sendTimeout: 10_000 };

async function withConnection<Result>(
  broker: TestBroker,
  use: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const endpoint = { ...endpointOf(broker, 'amqp'), clientId: uniqueName('probe') };
  const connection = await connectAmqp(endpoint, forever());
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** With both of these, Java, STOMP and MQTT clients get what is sent over AMQP as bytes that mean nothing to them. */
describe.each(['native', 'raw'] as const)('ActiveMQ Classic with transformer=%s', (transformer) => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startClassic({ transformer });
  });
  afterAll(() => broker?.stop());

  it('is refused as a place to send to over AMQP, with the setting to change', async () => {
    const refused = withConnection(broker, (connection) => connection.sink(SPEC));
    await expect(refused).rejects.toMatchObject({
      code: 'wrong-broker',
      message: expect.stringMatching(
        /set transport\.transformer=jms on its AMQP connector, or send via: stomp/,
      ),
    });
  });

  it('is read from, and noted, when only dead letters would go there', async () => {
    await withConnection(broker, async (connection) => {
      expect(connection.notes).toEqual([]);
      await connection.sink({ ...SPEC, evenIfUnreadable: true });
      expect(connection.notes).toEqual([expect.stringContaining('transport.transformer=jms')]);
    });
  });

  it('waits, with its messages safe at their source, until the broker has the right transformer', async () => {
    const id = uniqueName('wait');
    const bridge = await startBridgeOn(
      `version: 1
brokers:
  mq:
    type: activemq
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: ${id}
routes:
  over-amqp: { from: { queue: ${id}.in }, to: { queue: ${id}.out, via: amqp } }
  over-stomp: { from: { queue: ${id}.other }, to: { queue: ${id}.out } }
`,
      broker,
      { untilReady: false },
    );
    try {
      const status = await eventually(() => {
        const { routes } = bridge.status();
        const [held, free] = routes;
        return held?.reason?.code === 'wrong-broker' && free?.state === 'running' && bridge.status();
      });
      expect(status.ready).toBe(false);
      expect(status.routes[0]?.reason?.message).toContain('transport.transformer=jms');
      expect(status.connections.find(({ name }) => name.includes('over-amqp from'))?.peer).toMatch(
        /^ActiveMQ \d+\.\d+/,
      );
    } finally {
      await bridge.end();
    }
  });
});

describe('ActiveMQ Classic with transformer=jms', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startClassic();
  });
  afterAll(() => broker?.stop());

  it('is sent to, and the probe leaves nothing there', async () => {
    const before = await destinationsOf(broker);
    await withConnection(broker, async (connection) => {
      const sink = await connection.sink(SPEC);
      await sink.send(message({ kind: 'queue', name: 'sent' }, 'x'));
      expect(connection.notes).toEqual([]);
    });
    expect(await destinationsOf(broker)).toEqual([...before, 'queue sent'].toSorted());
  });
});

describe('ActiveMQ Classic that lets the account make no temporary queue', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startClassic({ writable: 'test', transformer: 'native', temporary: 'nobody' });
  });
  afterAll(() => broker?.stop());

  it('is sent to all the same; the bridge says that it could not look', async () => {
    await withConnection(broker, async (connection) => {
      const sink = await connection.sink(SPEC);
      await sink.send(message({ kind: 'queue', name: 'test.q' }, 'x'));
      expect(connection.notes).toEqual([
        expect.stringMatching(/^cannot find out whether its AMQP connector has .*not authorized/),
      ]);
    });
  });
});

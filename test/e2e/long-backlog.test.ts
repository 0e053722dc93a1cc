import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Endpoint } from '../../bridge/connectors/connector.js';
import { connectMqtt } from '../../bridge/connectors/mqtt/connect.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { parsePattern } from '../../bridge/routing/pattern.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { outbound } from '../contract/suite.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';

/** MiB: of a broker that cannot keep all of the messages below in its memory. */
const HEAP = 160;
const MESSAGES = 60_000;
const AT_A_TIME = 5_000;
const ROOMS = 100;
const WINDOW = 1_000;

let broker: TestBroker;
beforeAll(async () => {
  broker = await startClassic({ heap: HEAP });
});
afterAll(() => broker?.stop());

it('ActiveMQ Classic as it is shipped keeps more for an MQTT session than fits into its memory, and hands over each once and in order', async () => {
  const id = uniqueName('backlog');
  const endpoint: Endpoint = { ...endpointOf(broker, 'mqtt'), clientId: id, cleanSession: false };
  const pattern = parsePattern('mqtt', `${id}/{room}/messages`);
  const subscribe = async (take: (n: number, settle: () => void) => void) => {
    const connection = await connectMqtt(endpoint, forever());
    const source = await connection.source(
      { kind: 'mqtt', subscriptions: [{ pattern, qos: 1 }] },
      (delivery) => take(Number(delivery.message.body), () => delivery.settle('accepted')),
    );
    return { connection, source };
  };
  const away = await subscribe(() => {});
  await away.connection.close();

  // MQTT a/b is the JMS topic a.b, and transactions fill it faster.
  const producer = await connectStomp(
    { ...endpointOf(broker, 'stomp'), clientId: `${id}-producer` },
    forever(),
  );
  const sink = await producer.sink({ window: WINDOW, sendTimeout: 60_000 });
  for (let first = 0; first < MESSAGES; first += AT_A_TIME) {
    const numbers = Array.from({ length: AT_A_TIME }, (_, index) => first + index);
    await Promise.all(
      numbers.map((n) =>
        sink.send(
          outbound({ kind: 'topic', name: `${id}.room${n % ROOMS}.messages` }, String(n).padEnd(200)),
        ),
      ),
    );
  }
  await producer.close();

  const seen = new Uint8Array(MESSAGES);
  const newest = new Int32Array(ROOMS).fill(-1);
  const count = { different: 0, twice: 0, outOfOrder: 0 };
  const { connection, source } = await subscribe((n, settle) => {
    const room = n % ROOMS;
    if (seen[n] === 1) count.twice++;
    else {
      count.different++;
      if (n < (newest[room] ?? 0)) count.outOfOrder++;
    }
    seen[n] = 1;
    newest[room] = Math.max(n, newest[room] ?? 0);
    settle();
    source.grant(1);
  });
  source.grant(WINDOW);
  await eventually(() => count.different + count.twice >= MESSAGES, 120_000);
  await connection.close();
  expect(count).toEqual({ different: MESSAGES, twice: 0, outOfOrder: 0 });
}, 240_000);

const forever = () => new AbortController().signal;

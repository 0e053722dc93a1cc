import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accountFor } from '../support/accounting.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { CommandLine } from '../support/up.js';

const BROKERS = [
  { type: 'activemq', via: 'stomp', start: startClassic },
  { type: 'activemq', via: 'amqp', start: startClassic },
  { type: 'artemis', via: 'amqp', start: startArtemis },
  { type: 'artemis', via: 'stomp', start: startArtemis },
] as const;

const ROOMS = 10;
const MESSAGES = 3_000;
const IN_FLIGHT = 200;
const KILLS = 3;

describe.each(BROKERS)(
  'a bridge that is killed while it works, on $type via $via',
  ({ type, via, start }) => {
    let broker: TestBroker;
    let folder = '';
    const running: CommandLine[] = [];

    beforeAll(async () => {
      broker = await start();
      folder = await mkdtemp(join(tmpdir(), 'bridge-killed-'));
    });
    afterEach(async () => {
      for (const bridge of running.splice(0)) await bridge.interrupt();
    });
    afterAll(async () => {
      await broker.stop();
      await rm(folder, { recursive: true });
    });

    it('loses nothing, keeps the order of each room, and repeats no more than was in flight', async () => {
      const id = uniqueName('killed');
      const httpPort = await freePort();
      const file = join(folder, `${id}.yaml`);
      await writeFile(file, mappingFor(id, httpPort));
      const startBridge = () => {
        const bridge = new CommandLine(['--log-format', 'json', 'run', file], brokerEnvironment(broker));
        running.push(bridge);
        return bridge;
      };
      const delivered = async () => {
        const response = await fetch(`http://127.0.0.1:${httpPort}/api/routes`);
        const [route] = (await response.json()) as { delivered: number }[];
        return route?.delivered ?? 0;
      };
      const isReady = async () => (await fetch(`http://127.0.0.1:${httpPort}/health/ready`)).status === 200;

      let bridge = startBridge();
      await eventually(isReady);
      for (let kill = 0; kill < KILLS; kill++) {
        const sent = publishPart(broker, id, kill);
        await eventually(async () => (await delivered()) >= MESSAGES / (KILLS * 10));
        bridge.signal('SIGKILL');
        await bridge.exited;
        bridge = startBridge();
        await eventually(isReady);
        await sent;
      }

      const { arrived, duplicates, reordered } = await accountFor(broker, `${id}.out`, {
        rooms: ROOMS,
        count: MESSAGES,
      });
      expect({ arrived: arrived.size, reordered }).toEqual({ arrived: MESSAGES, reordered: 0 });
      // As many again may be confirmed and not acknowledged: PUBACKs leave in the order of arrival.
      expect(duplicates).toBeLessThanOrEqual(KILLS * 2 * IN_FLIGHT);
    });

    function mappingFor(id: string, httpPort: number): string {
      return `version: 1
brokers:
  mq:
    type: ${type}
    mqtt: mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}
    ${via}: ${via}://127.0.0.1:\${ACTIVEMQ_${via.toUpperCase()}_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: ${id}
routes:
  out: { from: { mqtt: "${id}/{room}" }, to: { queue: ${id}.out, via: ${via} }, inFlight: ${IN_FLIGHT} }
http: { port: ${httpPort} }
`;
    }
  },
);

/**
 * One of as many parts as there are kills; resolves when the broker has acknowledged all of it. A room has one on its way at a
 * time: Artemis mixes up more.
 */
async function publishPart(broker: TestBroker, id: string, part: number): Promise<void> {
  const client = await mqtt.connectAsync({
    host: broker.host,
    port: broker.ports.mqtt,
    ...broker.accounts.ann,
    reconnectPeriod: 0,
  });
  const size = MESSAGES / KILLS;
  const room = async (number: number) => {
    for (let n = part * size + number; n < (part + 1) * size; n += ROOMS)
      await client.publishAsync(`${id}/room${n % ROOMS}`, JSON.stringify({ n }), { qos: 1 });
  };
  await Promise.all(Array.from({ length: ROOMS }, (_, number) => room(number)));
  await client.endAsync();
}

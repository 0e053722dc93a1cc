import mqtt from 'mqtt';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Connection, Protocol } from '../../bridge/connectors/connector.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import type { Address } from '../../bridge/message/address.js';
import type { TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointAs } from './endpoint.js';
import { numberOf } from './producer.js';

/**
 * Everything that comes to one destination. It reads when the faults are over: the broker keeps all of it until then, so what
 * comes twice is never its own doing.
 */
export interface Collector {
  /** Reads, in order, until all of these have come or nobody sent anything for `patience` ms. */
  readUntilAll(wanted: ReadonlySet<number>): Promise<void>;
  /** Reads what is left, until the destination is empty, and closes. */
  finish(): Promise<readonly number[]>;
}

/** A number that nobody else sends: with it everything before it has come. */
const LAST = -1;
const PATIENCE = 90_000;

/** Subscribes where that has to come before the messages (topics), and leaves. `via`: how it reads what is not on MQTT. */
export async function collect(broker: TestBroker, place: Address, via: Protocol): Promise<Collector> {
  const clientId = uniqueName('collector');
  const open = place.kind === 'mqtt' ? mqttReader : jmsReader(via);
  const arrivals: number[] = [];
  const seen = new Set<number>();
  const note = (body: unknown) => {
    const n = numberOf(body);
    arrivals.push(n);
    seen.add(n);
  };
  if (place.kind !== 'queue') await (await open(broker, place, clientId, () => {}, false)).close();
  let reader: Reader | undefined;
  const read = async () => {
    reader ??= await open(broker, place, clientId, note, true);
    return reader;
  };
  return {
    async readUntilAll(wanted) {
      await read();
      let known = -1;
      // Not `seen.size` alone: what was never acknowledged may come as well.
      const all = () => seen.size >= wanted.size && [...wanted].every((n) => seen.has(n));
      while (!all() && known < arrivals.length) {
        known = arrivals.length;
        await eventually(() => all() || arrivals.length >= known + 1_000, PATIENCE).catch(() => undefined);
      }
    },
    async finish() {
      const open = await read();
      await open.sendLast();
      await eventually(() => seen.has(LAST), PATIENCE).catch(() => undefined);
      await open.close();
      return arrivals.filter((n) => n !== LAST);
    },
  };
}

interface Reader {
  sendLast(): Promise<unknown>;
  close(): Promise<unknown>;
}

async function mqttReader(
  broker: TestBroker,
  { name }: Address,
  clientId: string,
  note: (body: unknown) => void,
): Promise<Reader> {
  const client = mqtt.connect({
    host: broker.host,
    port: broker.ports.mqtt,
    ...broker.accounts.bob,
    clientId,
    clean: false,
    reconnectPeriod: 0,
  });
  client.on('message', (_topic, payload) => note(payload));
  await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
  });
  // Also for a session that is there already: Classic hands nothing over before. QoS 1, whatever was sent: read with QoS 2, which
  // mqtt.js hands over on PUBREL, 157 of 10,000 came out of order from Artemis, and none of the same run with QoS 1.
  await client.subscribeAsync(`${name}/#`, { qos: 1 });
  return {
    sendLast: () => client.publishAsync(`${name}/last`, JSON.stringify({ n: LAST }), { qos: 1 }),
    close: () => client.endAsync(),
  };
}

const jmsReader =
  (via: Protocol) =>
  async (
    broker: TestBroker,
    { kind, name }: Address,
    clientId: string,
    note: (body: unknown) => void,
    reading: boolean,
  ): Promise<Reader> => {
    if (kind === 'mqtt') throw new TypeError('MQTT is read otherwise');
    const connect = via === 'stomp' ? connectStomp : connectAmqp;
    const endpoint = { ...endpointAs(broker, via, 'bob'), clientId };
    const connection: Connection = await connect(endpoint, new AbortController().signal);
    const levels = name.split('.').map((literal) => ({ literal }));
    const durable = kind === 'topic' ? { durable: 'account' } : {};
    const source = await connection.source(
      { kind, pattern: { kind, levels }, window: 500, ...durable },
      (delivery) => {
        note(delivery.message.body);
        delivery.settle('accepted');
        source.grant(1);
      },
    );
    if (reading) source.grant(500);
    return {
      sendLast: async () => {
        const sink = await connection.sink({ window: 1, sendTimeout: 10_000 });
        await sink.send({
          to: { kind, name },
          body: JSON.stringify({ n: LAST }),
          properties: new Map(),
          persistent: true,
          id: 'ID:last',
          timestamp: Date.now(),
          qos: 1,
          retain: false,
        });
      },
      close: () => connection.close(),
    };
  };

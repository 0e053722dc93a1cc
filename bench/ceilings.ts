import { connectAmqp } from '../bridge/connectors/amqp/connect.js';
import type { Connection } from '../bridge/connectors/connector.js';
import { connectMqtt } from '../bridge/connectors/mqtt/connect.js';
import { connectStomp } from '../bridge/connectors/stomp/connect.js';
import { endpointOf } from '../test/contract/brokers-under-test.js';
import type { TestBroker } from '../test/support/brokers.js';
import { uniqueName } from '../test/support/names.js';
import { prepareSession, publish, ROOMS, topicOf } from './load.js';

/** What the broker gives and takes when nothing stands between: no bridge on the same connectors can be faster. */

const LANES = 4;
const WINDOW = 1_000;

const forever = () => new AbortController().signal;

/** Messages a second out of a durable MQTT session, each acknowledged as soon as it has come. */
export async function sourceCeiling(broker: TestBroker, messages: number): Promise<number> {
  const id = uniqueName('ceiling');
  const job = { broker, id, topicFilter: `${id}/+/messages`, queue: '', folder: '' };
  await prepareSession(job, `${id}-source`);
  await publish(job, { messages, topic: (room) => topicOf(job, room) });
  const endpoint = { ...endpointOf(broker, 'mqtt'), clientId: `${id}-source`, cleanSession: false };
  const connection = await connectMqtt(endpoint, forever());
  const levels = [{ literal: id }, 'one' as const, { literal: 'messages' }];
  let count = 0;
  let began = 0;
  const seconds = await new Promise<number>((resolve, reject) => {
    const opened = connection.source(
      { kind: 'mqtt', subscriptions: [{ pattern: { kind: 'mqtt', levels }, qos: 1 }] },
      (delivery) => {
        if (count === 0) began = performance.now();
        delivery.settle('accepted');
        if (++count === messages) resolve((performance.now() - began) / 1_000);
        else void opened.then((source) => source.grant(1));
      },
    );
    opened.then((source) => source.grant(WINDOW), reject);
  });
  await connection.close();
  return Math.round(messages / seconds);
}

/** Persistent messages a second into one queue, over as many connections as the bridge has lanes. */
export async function sinkCeiling(
  broker: TestBroker,
  via: 'stomp' | 'amqp',
  messages: number,
): Promise<number> {
  const name = uniqueName('ceiling');
  const connections: Connection[] = [];
  for (let lane = 0; lane < LANES; lane++) {
    const endpoint = { ...endpointOf(broker, via), clientId: `${name}-${lane}` };
    connections.push(await (via === 'stomp' ? connectStomp : connectAmqp)(endpoint, forever()));
  }
  const sinks = await Promise.all(
    connections.map((connection) => connection.sink({ sendTimeout: 60_000, window: WINDOW / LANES })),
  );
  const began = performance.now();
  await Promise.all(
    sinks.map(async (sink, lane) => {
      const own = Array.from(
        { length: Math.ceil((messages - lane) / LANES) },
        (_, index) => index * LANES + lane,
      );
      await Promise.all(
        own.map((n) =>
          sink.send({
            to: { kind: 'queue', name },
            body: JSON.stringify({ n }).padEnd(200, ' '),
            properties: new Map([['room', `room-${n % ROOMS}`]]),
            persistent: true,
            id: `ID:${name}-${n}`,
            timestamp: Date.now(),
            qos: 1,
            retain: false,
          }),
        ),
      );
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  await Promise.all(connections.map((connection) => connection.close()));
  return Math.round(messages / seconds);
}

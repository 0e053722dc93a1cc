import { connectAmqp } from '../bridge/connectors/amqp/connect.js';
import type { Connection, Protocol, Sink, SourceSpec } from '../bridge/connectors/connector.js';
import { connectMqtt } from '../bridge/connectors/mqtt/connect.js';
import { connectStomp } from '../bridge/connectors/stomp/connect.js';
import { endpointOf } from '../test/contract/brokers-under-test.js';
import type { TestBroker } from '../test/support/brokers.js';
import { uniqueName } from '../test/support/names.js';
import { publish, ROOMS, topicOf } from './load.js';

/** What the broker gives and takes when nothing stands between: no bridge on the same connectors can be faster. */

/** How rooms are read: out of a durable MQTT session, or of a durable topic subscription over AMQP (which the bridge takes on Artemis). */
export type SourceProtocol = Exclude<Protocol, 'stomp'>;

const CONNECT = { mqtt: connectMqtt, amqp: connectAmqp, stomp: connectStomp };

const LANES = 4;
const WINDOW = 1_000;

const forever = () => new AbortController().signal;

/** Messages a second out of what the broker keeps for a reader, each acknowledged as soon as it has come. */
export async function sourceCeiling(
  broker: TestBroker,
  from: SourceProtocol,
  messages: number,
): Promise<number> {
  const source = await openSource(broker, from, messages);
  return rateOf(messages, source);
}

/** Persistent messages a second into one queue, over as many connections as the bridge has lanes. */
export async function sinkCeiling(
  broker: TestBroker,
  via: 'stomp' | 'amqp',
  messages: number,
): Promise<number> {
  const sink = await openSink(broker, via, messages);
  return rateOf(messages, sink);
}

/**
 * Both at the same time in one process, as a bridge has to: where processor and disk are shared, the limit is below either alone. What
 * comes and what is sent have nothing to do with each other.
 */
export async function bothCeiling(
  broker: TestBroker,
  from: SourceProtocol,
  via: 'stomp' | 'amqp',
  messages: number,
): Promise<number> {
  const source = await openSource(broker, from, messages);
  const sink = await openSink(broker, via, messages);
  return rateOf(messages, source, sink);
}

/** An end of a way, with connections open and everything in its place. */
interface End {
  /** Moves all messages. */
  readonly run: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Messages a second until each end has moved them all. */
async function rateOf(messages: number, ...ends: readonly End[]): Promise<number> {
  const began = performance.now();
  await Promise.all(ends.map(({ run }) => run()));
  const seconds = (performance.now() - began) / 1_000;
  await Promise.all(ends.map(({ close }) => close()));
  return Math.round(messages / seconds);
}

async function openSource(broker: TestBroker, from: SourceProtocol, messages: number): Promise<End> {
  const id = uniqueName('ceiling');
  const endpoint = { ...endpointOf(broker, from), clientId: `${id}-source`, cleanSession: false };
  const away = await CONNECT[from](endpoint, forever());
  await away.source(roomsOf(id, from), () => {});
  await away.close();
  await publish({ broker, id }, { messages, topic: (room) => topicOf({ id }, room) });
  const connection = await CONNECT[from](endpoint, forever());
  let count = 0;
  let end: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  const source = await connection.source(roomsOf(id, from), (delivery) => {
    delivery.settle('accepted');
    if (++count === messages) end();
    else source.grant(1);
  });
  return {
    run: () => {
      source.grant(WINDOW);
      return done;
    },
    close: () => connection.close(),
  };
}

/** The rooms of `topicOf`. */
function roomsOf(id: string, from: SourceProtocol): SourceSpec {
  const levels = [{ literal: id }, 'one' as const, { literal: 'messages' }];
  return from === 'mqtt'
    ? { kind: 'mqtt', subscriptions: [{ pattern: { kind: 'mqtt', levels }, qos: 1 }] }
    : { kind: 'topic', pattern: { kind: 'topic', levels }, durable: 'rooms', window: WINDOW };
}

async function openSink(broker: TestBroker, via: 'stomp' | 'amqp', messages: number): Promise<End> {
  const name = uniqueName('ceiling');
  const connections: Connection[] = [];
  for (let lane = 0; lane < LANES; lane++) {
    const endpoint = { ...endpointOf(broker, via), clientId: `${name}-${lane}` };
    connections.push(await CONNECT[via](endpoint, forever()));
  }
  const sinks = await Promise.all(
    connections.map((connection) => connection.sink({ sendTimeout: 60_000, window: WINDOW / LANES })),
  );
  const sendOver = async (sink: Sink, lane: number) => {
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
  };
  return {
    run: async () => {
      await Promise.all(sinks.map(sendOver));
    },
    close: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

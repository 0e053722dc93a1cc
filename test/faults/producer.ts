import { setTimeout as delay } from 'node:timers/promises';
import mqtt from 'mqtt';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Protocol } from '../../bridge/connectors/connector.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import type { Address } from '../../bridge/message/address.js';
import type { TestBroker } from '../support/brokers.js';
import { uniqueName } from '../support/names.js';
import type { Ledger } from './account.js';
import { endpointAs } from './endpoint.js';

/** One connection to a broker, straight, not through the bridge or a proxy. */
interface Outlet {
  /** Resolves when the broker has the message; rejects when that is in doubt. */
  publish(n: number): Promise<unknown>;
  readonly lost: Promise<unknown>;
  close(): Promise<unknown>;
}

export interface Production {
  readonly broker: TestBroker;
  /** JMS: how it reaches the broker. */
  readonly via: Protocol;
  /** Of MQTT: the first levels, the room comes behind. */
  readonly to: Address;
  readonly ledger: Ledger;
  /** As fast as they are acknowledged; then slowly on, until `enough`. */
  readonly count: number;
  /** Messages a second at most, and then no more after `enough`; without it as fast as the broker acknowledges. */
  readonly rate?: number;
  readonly enough: AbortSignal;
}

/** Milliseconds between attempts to reach a broker that is gone, and after which a run is given up. */
const AGAIN = 100;
const LIMIT = 240_000;
/** Milliseconds between two messages of a room beyond `count`: so that there is something to deliver until the last fault is over. */
const SLOWLY = 250;

/** Milliseconds since the epoch at which message `n` is due; what a broker that was gone has kept back is due at once. */
type Schedule = (n: number) => number;

const everyNth = (rate: number | undefined): Schedule => {
  const begin = Date.now();
  return (n) => (rate === undefined ? 0 : begin + (n * 1_000) / rate);
};

/**
 * Gives `count` messages and more to a broker, whatever becomes of it meanwhile: what has no answer when the connection ends is not sent
 * again. A room has one on its way at a time: Artemis mixes up more, and so the order of what was acknowledged is beyond doubt.
 */
export async function produce(production: Production, stop: AbortSignal): Promise<void> {
  const { ledger, count, rate, enough } = production;
  const due = everyNth(rate);
  const next = Array.from({ length: ledger.rooms }, (_, room) => room);
  const end = Math.max(Date.now(), due(count)) + LIMIT;
  const isWanted = (n: number) => !stop.aborted && (!enough.aborted || (rate === undefined && n < count));
  const isDone = () => !next.some(isWanted);
  while (!isDone()) {
    if (Date.now() > end) throw new Error(`${production.to.name}: not everything sent within ${LIMIT} ms`);
    const outlet = await open(production).catch(() => undefined);
    if (outlet === undefined) {
      await delay(AGAIN);
      continue;
    }
    let over = false;
    void outlet.lost.then(() => {
      over = true;
    });
    const room = async (index: number) => {
      for (let n = next[index] ?? count; isWanted(n) && !over; n += ledger.rooms) {
        const early = n < count ? due(n) - Date.now() : SLOWLY;
        if (early > 0) await delay(early);
        if (over || !isWanted(n)) return;
        next[index] = n + ledger.rooms;
        ledger.attempt(n);
        const acknowledged = await Promise.race([
          outlet.publish(n).then(
            () => true,
            () => false,
          ),
          outlet.lost.then(() => false),
        ]);
        if (acknowledged) ledger.acknowledge(n);
      }
    };
    await Promise.all(next.map((_, index) => room(index)));
    await outlet.close();
  }
}

export function bodyOf(n: number, rooms: number): string {
  return JSON.stringify({ n, room: `room${n % rooms}`, text: 'x'.repeat(150) });
}

/** The number of a message, or one that nobody sent. */
export function numberOf(body: unknown): number {
  try {
    return Number((JSON.parse(String(body)) as { n: number }).n);
  } catch {
    return Number.NaN;
  }
}

const open = (production: Production): Promise<Outlet> =>
  production.to.kind === 'mqtt' ? openMqtt(production) : openJms(production);

async function openMqtt({ broker, to, ledger }: Production): Promise<Outlet> {
  const client = mqtt.connect({
    host: broker.host,
    port: broker.ports.mqtt,
    ...broker.accounts.ann,
    clientId: uniqueName('producer'),
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    keepalive: 5,
  });
  client.on('error', () => {});
  const lost = new Promise((resolve) => {
    client.once('close', () => resolve(undefined));
  });
  // Without reconnecting, mqtt.js says nothing else when the connection ends before it is open.
  const opened = new Promise<boolean>((resolve) => {
    client.once('connect', () => resolve(true));
    void lost.then(() => resolve(false));
  });
  if (!(await opened)) throw new Error('the broker is not there');
  return {
    publish: (n) =>
      client.publishAsync(`${to.name}/room${n % ledger.rooms}`, bodyOf(n, ledger.rooms), { qos: 1 }),
    lost,
    // Not politely: it would wait for the answers that never come.
    close: () => client.endAsync(true),
  };
}

async function openJms({ broker, via, to, ledger }: Production): Promise<Outlet> {
  const connect = via === 'stomp' ? connectStomp : connectAmqp;
  const endpoint = {
    ...endpointAs(broker, via, 'ann'),
    clientId: uniqueName('producer'),
    connectTimeout: 5_000,
  };
  const connection = await connect(endpoint, new AbortController().signal);
  const sink = await connection.sink({ window: 500, sendTimeout: 30_000 });
  return {
    publish: (n) =>
      sink.send({
        to,
        body: bodyOf(n, ledger.rooms),
        properties: new Map(),
        persistent: true,
        id: `ID:${n}`,
        timestamp: Date.now(),
        qos: 1,
        retain: false,
      }),
    lost: connection.lost,
    close: () => connection.close(),
  };
}

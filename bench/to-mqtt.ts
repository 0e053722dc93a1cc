import { connectJms } from './jms.js';
import {
  connectMqtt,
  type Expected,
  type LoadOptions,
  load,
  type Measured,
  type Meter,
  now,
  ROOMS,
  SENDERS,
  SILENCE,
} from './load.js';
import type { Job } from './peers/peer.js';

/** The other way: from a queue to MQTT. */

/** The JMS property that says which room a message is for. */
export const ROOM = 'room';

/** Persistent messages into the job's queue; see `load`. */
export async function fillQueue({ broker, id, queue }: Job, amount: LoadOptions): Promise<void> {
  const connections = await Promise.all(
    Array.from({ length: SENDERS }, (_, index) => connectJms(broker, `${id}-producer-${index}`)),
  );
  const sinks = await Promise.all(
    connections.map((connection) => connection.sink({ sendTimeout: 60_000, window: ROOMS })),
  );
  let sent = amount.from ?? 0;
  await load(sinks, amount, (sink, room, body) =>
    sink.send({
      to: { kind: 'queue', name: queue },
      body,
      properties: new Map([[ROOM, `room-${room}`]]),
      persistent: true,
      id: `ID:${id}-${++sent}`,
      timestamp: Date.now(),
      qos: 1,
      retain: false,
    }),
  );
  await Promise.all(connections.map((connection) => connection.close()));
}

/** One MQTT subscriber of all rooms, QoS 1; resolves when it is subscribed. */
export async function startMqttMeter(job: Job, { messages, warmUp }: Expected): Promise<Meter> {
  const client = await connectMqtt(job, `${job.id}-meter`, true);
  const latencies: number[] = [];
  const seen = new Set<number>();
  const newest = new Map<number, number>();
  let duplicates = 0;
  let reordered = 0;
  let first = 0;
  let last = 0;
  let tellWarm: () => void = () => {};
  const warm = new Promise<void>((resolve) => {
    tellWarm = resolve;
  });
  const complete = new Promise<void>((resolve) => {
    const silence = setTimeout(resolve, SILENCE);
    client.on('message', (_topic, payload) => {
      const { n, at } = JSON.parse(String(payload)) as { n: number; at: number };
      silence.refresh();
      if (seen.has(n)) {
        duplicates++;
        return;
      }
      seen.add(n);
      last = now();
      if (seen.size === warmUp) tellWarm();
      if (n >= warmUp) {
        if (first === 0) first = last;
        latencies.push(last - at);
      }
      const room = n % ROOMS;
      if (n < (newest.get(room) ?? 0)) reordered++;
      newest.set(room, Math.max(n, newest.get(room) ?? 0));
      if (seen.size < warmUp + messages) return;
      clearTimeout(silence);
      resolve();
    });
  });
  await client.subscribeAsync(job.topicFilter, { qos: 1 });
  const measured = complete.then(async (): Promise<Measured> => {
    await client.endAsync();
    latencies.sort((a, b) => a - b);
    const quantile = (part: number) => latencies[Math.floor(latencies.length * part)] ?? Number.NaN;
    return {
      lost: warmUp + messages - seen.size,
      duplicates,
      reordered,
      seconds: (last - first) / 1_000,
      p50: quantile(0.5),
      p99: quantile(0.99),
    };
  });
  return { warm, measured };
}

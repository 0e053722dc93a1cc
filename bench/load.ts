import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import mqtt from 'mqtt';
import { type Child, startChild } from '../test/support/child.js';
import { mavenPackage } from '../test/support/maven.js';
import type { Job, RunningPeer } from './peers/peer.js';

export const ROOMS = 100;
export const SENDERS = 8;
const METER = { folder: fileURLToPath(new URL('./java', import.meta.url)), jar: 'queue-meter.jar' };

export async function connectMqtt(
  { broker }: Pick<Job, 'broker'>,
  clientId: string,
  clean: boolean,
): Promise<mqtt.MqttClient> {
  return mqtt.connectAsync({
    host: broker.host,
    port: broker.ports.mqtt,
    clientId,
    clean,
    ...broker.accounts.bridge,
    reconnectPeriod: 0,
  });
}

/** Where the messages of a room are, over MQTT. */
export const topicOf = ({ id }: Pick<Job, 'id'>, room: number) => `${id}/room-${room}/messages`;

/** Makes the durable session of a client that will come later. */
export async function prepareSession(job: Job, clientId: string): Promise<void> {
  const session = await connectMqtt(job, clientId, false);
  await session.subscribeAsync(job.topicFilter, { qos: 1 });
  await session.endAsync();
}

/** Milliseconds since 1970, in parts of one: Java's `Instant` is of the same clock. */
export const now = () => performance.timeOrigin + performance.now();

export interface LoadOptions {
  readonly messages: number;
  /** The number of the first one, a multiple of `ROOMS`: how many went before. */
  readonly from?: number;
  /** Messages a second; as fast as they are acknowledged without it. */
  readonly rate?: number;
}

/**
 * Sends messages of 200 bytes, resolves when the broker has every one. A room always has the same one of `senders`, and one message on its
 * way: Artemis mixes up more of them.
 */
export async function load<Sender>(
  senders: readonly Sender[],
  { messages, from = 0, rate }: LoadOptions,
  send: (sender: Sender, room: number, body: string) => Promise<unknown>,
): Promise<void> {
  const began = performance.now();
  const fillRoom = async (sender: Sender, room: number) => {
    for (let n = from + room; n < from + messages; n += ROOMS) {
      const early = rate === undefined ? 0 : began + ((n - from) * 1_000) / rate - performance.now();
      if (early > 0) await delay(early);
      await send(sender, room, `{"n":${n},"at":${now().toFixed(3)},"text":"x"}`.padEnd(200, ' '));
    }
  };
  await Promise.all(
    Array.from({ length: ROOMS }, (_, room) => {
      const sender = senders[room % senders.length];
      return sender === undefined ? undefined : fillRoom(sender, room);
    }),
  );
}

/** Publishes with QoS 1; see `load`. */
export async function publish(
  job: Pick<Job, 'broker' | 'id'>,
  { topic, ...amount }: LoadOptions & { readonly topic: (room: number) => string },
): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: SENDERS }, (_, index) => connectMqtt(job, `${job.id}-publisher-${index}`, true)),
  );
  await load(clients, amount, (client, room, body) => client.publishAsync(topic(room), body, { qos: 1 }));
  await Promise.all(clients.map((client) => client.endAsync()));
}

/** What a reader has to wait for. */
export interface Expected {
  /** That what it measures has. */
  readonly messages: number;
  /** That come before these: counted as well, and neither their time nor their latency is measured. */
  readonly warmUp: number;
}

/** What the reader of the moved messages saw; times in milliseconds, `seconds` from the first message to the last. */
export interface Measured {
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Meter {
  /** Resolves when all messages of the warm-up have come. Never, where there is none or one of them is lost. */
  readonly warm: Promise<void>;
  /** Resolves when all messages have come, or nothing more came for a while. */
  readonly measured: Promise<Measured>;
}

/** Milliseconds without a message after which no more are expected. */
export const SILENCE = 20_000;

/** A Java program that reads the queue; resolves when it does. */
export async function startMeter(
  { broker }: Job,
  queue: string,
  { messages, warmUp }: Expected,
): Promise<Meter> {
  const { username, password } = broker.accounts.bridge;
  const client = broker.type === 'activemq' ? 'openwire' : 'qpid';
  const url =
    broker.type === 'activemq'
      ? `tcp://${broker.host}:${broker.ports.openwire}`
      : `amqp://${broker.host}:${broker.ports.amqp}`;
  let result: Measured | undefined;
  const meter = await runJava(
    METER,
    [client, url, username, queue, ...[messages, warmUp, ROOMS, SILENCE].map(String)],
    { BENCH_PASSWORD: password },
    (line) => {
      if (line.startsWith('{')) result = JSON.parse(line) as Measured;
    },
  );
  const warm = meter.line('warm').then(() => undefined);
  warm.catch(() => undefined);
  await meter.line('ready');
  const measured = meter.ended.then(({ stderr }) => {
    if (result === undefined) throw new Error(`the reader of the queue failed\n${stderr}`);
    return result;
  });
  // Whoever gives up before it is there does not want to hear of it.
  measured.catch(() => undefined);
  return { warm, measured };
}

/** A Maven project of one program. */
export interface JavaProgram {
  readonly folder: string;
  readonly jar: string;
}

/** Builds the program if that is needed, and runs it. */
export async function runJava(
  { folder, jar }: JavaProgram,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => {},
): Promise<Child> {
  await mavenPackage(folder, jar);
  return startChild('java', ['-Xmx512m', '-jar', join(folder, 'target', jar), ...args], { env, onLine });
}

/** A peer that prints `ready`, and then again and again how many messages it has moved. */
export async function counted(
  start: (onLine: (line: string) => void) => Promise<Child>,
): Promise<RunningPeer> {
  let moved = 0;
  const child = await start((line) => {
    if (/^\d+$/.test(line)) moved = Number(line);
  });
  return {
    child: child.process,
    moved: async () => moved,
    ready: child.line('ready').then(() => undefined),
  };
}

export interface Usage {
  readonly peakRssMiB: number;
  readonly cpuSeconds: number;
}

/** Peak resident memory and CPU time of a process that still runs (Linux). */
export async function usageOf(pid: number): Promise<Usage> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 and 15 of proc(5), counted after the command's closing bracket; in clock ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { peakRssMiB: peak / 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100 };
}

/** What a process took to move messages; what it took to start does not count. */
export interface Cost {
  readonly peakRssMiB: number;
  /** CPU seconds for 100,000 messages. */
  readonly cpuPer100k: number;
}

/** Between two looks at a process, over so many messages; not a number without any. */
export function costOf(before: Usage, { peakRssMiB, cpuSeconds }: Usage, messages: number): Cost {
  return { peakRssMiB, cpuPer100k: ((cpuSeconds - before.cpuSeconds) / messages) * 100_000 };
}

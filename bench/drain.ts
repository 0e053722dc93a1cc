import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mqtt from 'mqtt';
import rhea from 'rhea';
import type { TestBroker } from '../test/support/brokers.js';
import { uniqueName } from '../test/support/names.js';

const ROOMS = 100;
const PUBLISHERS = 4;
/** Milliseconds after which a drain counts as stuck. */
const LIMIT = 180_000;
/** Milliseconds without a message after which the queue counts as empty: once all were seen, and before. */
const QUIET = 300;
const LONG_QUIET = 5_000;

/** A program that moves messages from `topicFilter` to `queue`, taking over the durable session of `clientId`. */
export interface Peer {
  readonly name: string;
  readonly start: (job: Job) => Promise<RunningPeer>;
  /** The client id whose MQTT session holds the backlog. */
  readonly sessionId: (id: string) => string;
}

export interface RunningPeer {
  readonly child: ChildProcess;
  /** How many messages the queue's broker has confirmed to it so far. */
  readonly moved: () => Promise<number>;
}

export interface Job {
  readonly broker: TestBroker;
  /** Unique; part of every name. */
  readonly id: string;
  readonly topicFilter: string;
  readonly queue: string;
  readonly folder: string;
}

export interface DrainResult {
  readonly broker: string;
  readonly peer: string;
  readonly perSecond: number;
  readonly peakRssMiB: number;
  readonly cpuSeconds: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
}

/** Milliseconds between two looks at how far a peer is. */
const LOOK = 50;

/**
 * Fills a durable session while its owner is away, lets the peer move it, and only then reads the queue: a reader beside it
 * would cost the broker as much as the peer does. The time runs from the first confirmed message to the last.
 */
export async function drain(
  broker: TestBroker,
  label: string,
  peer: Peer,
  messages: number,
): Promise<DrainResult> {
  const id = uniqueName('bench');
  const folder = await mkdtemp(join(tmpdir(), 'bridge-bench-'));
  const job: Job = { broker, id, folder, topicFilter: `${id}/+/messages`, queue: `${id}-out` };
  await fillSession(job, peer.sessionId(id), messages);
  const { child, moved } = await peer.start(job);
  try {
    const perSecond = await Promise.race([rate(moved, messages), endedEarly(child, peer.name)]);
    const usage = await usageOf(child.pid ?? 0);
    return { broker: label, peer: peer.name, perSecond, ...usage, ...(await readQueue(job, messages)) };
  } finally {
    child.removeAllListeners('exit');
    const exited = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  }
}

async function rate(moved: RunningPeer['moved'], messages: number): Promise<number> {
  const end = performance.now() + LIMIT;
  let first: { at: number; count: number } | undefined;
  while (performance.now() < end) {
    const count = await moved();
    const now = performance.now();
    if (count > 0) first ??= { at: now, count };
    if (first !== undefined && count >= messages)
      return Math.round(((count - first.count) * 1_000) / (now - first.at));
    await delay(LOOK);
  }
  throw new Error(`only ${await moved()} of ${messages} messages were moved within ${LIMIT} ms`);
}

function endedEarly(child: ChildProcess, name: string): Promise<never> {
  return new Promise((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${name} ended early with exit code ${String(code)}`)));
  });
}

async function connectMqtt({ broker }: Job, clientId: string, clean: boolean): Promise<mqtt.MqttClient> {
  const client = mqtt.connect({
    host: broker.host,
    port: broker.ports.mqtt,
    clientId,
    clean,
    ...broker.accounts.bridge,
    reconnectPeriod: 0,
  });
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  return client;
}

async function fillSession(job: Job, sessionId: string, messages: number): Promise<void> {
  const session = await connectMqtt(job, sessionId, false);
  await session.subscribeAsync(job.topicFilter, { qos: 1 });
  await session.endAsync();
  const publishers = await Promise.all(
    Array.from({ length: PUBLISHERS }, (_, index) => connectMqtt(job, `${job.id}-publisher-${index}`, true)),
  );
  // A room always has the same publisher, and one message on its way: Artemis mixes up more of them.
  const publish = async (client: mqtt.MqttClient, room: number) => {
    for (let n = room; n < messages; n += ROOMS) {
      const payload = JSON.stringify({ n, text: 'x' }).padEnd(200, ' ');
      await client.publishAsync(`${job.id}/room-${room}/messages`, payload, { qos: 1 });
    }
  };
  await Promise.all(
    publishers.flatMap((client, which) =>
      Array.from({ length: ROOMS / PUBLISHERS }, (_, index) => publish(client, index * PUBLISHERS + which)),
    ),
  );
  await Promise.all(publishers.map((client) => client.endAsync()));
}

type Count = Pick<DrainResult, 'lost' | 'duplicates' | 'reordered'>;

/** Reads everything on the queue; done when every message was seen, or nothing more came for a while. */
async function readQueue(job: Job, messages: number): Promise<Count> {
  const seen = new Uint8Array(messages);
  const newest = new Int32Array(ROOMS).fill(-1);
  let count = 0;
  let duplicates = 0;
  let reordered = 0;
  const { host, ports, accounts, type } = job.broker;
  const container = rhea.create_container({ id: `${job.id}-reader` });
  const connection = container.connect({ host, port: ports.amqp ?? 0, ...accounts.bridge, reconnect: false });
  connection.open_receiver({
    source: { address: type === 'activemq' ? `queue://${job.queue}` : job.queue, capabilities: ['queue'] },
    credit_window: 500,
  });
  await new Promise<void>((resolve, reject) => {
    let quiet = setTimeout(resolve, LONG_QUIET);
    container.on('message', ({ message }: rhea.EventContext) => {
      clearTimeout(quiet);
      quiet = setTimeout(resolve, count === messages ? QUIET : LONG_QUIET);
      const body = message?.body as string | { content: Buffer };
      const { n } = JSON.parse(typeof body === 'string' ? body : body.content.toString()) as { n: number };
      if (seen[n] === 1) {
        duplicates++;
        return;
      }
      seen[n] = 1;
      count++;
      const room = n % ROOMS;
      if (n < (newest[room] ?? 0)) reordered++;
      else newest[room] = n;
    });
    container.on('receiver_error', () => reject(new Error(`cannot read ${job.queue}`)));
    container.on('disconnected', () => reject(new Error('the reader lost its connection')));
  });
  container.removeAllListeners('disconnected');
  connection.close();
  return { lost: messages - count, duplicates, reordered };
}

/** Peak resident memory and CPU time of a process that still runs (Linux). */
async function usageOf(pid: number): Promise<{ peakRssMiB: number; cpuSeconds: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 and 15 of proc(5), counted after the command's closing bracket; in clock ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { peakRssMiB: peak / 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100 };
}

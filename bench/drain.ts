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

/** A program that moves messages from `topicFilter` to `queue`, taking over the durable session of `clientId`. */
export interface Peer {
  readonly name: string;
  readonly start: (job: Job) => Promise<ChildProcess>;
  /** The client id whose MQTT session holds the backlog. */
  readonly sessionId: (id: string) => string;
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

/**
 * Fills a durable session while its owner is away, starts the peer, and reads the queue as it fills. The time runs from
 * the first message on the queue to the last.
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
  const reader = readQueue(job, messages);
  const child = await peer.start(job);
  try {
    const outcome = await Promise.race([
      reader.done,
      endedEarly(child, peer.name),
      delay(LIMIT, undefined, { ref: false }).then(() => reader.sofar()),
    ]);
    const usage = await usageOf(child.pid ?? 0);
    return { broker: label, peer: peer.name, ...outcome, ...usage };
  } finally {
    reader.close();
    child.removeAllListeners('exit');
    const exited = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  }
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
  // A room always has the same publisher, which keeps its order.
  const publish = async (client: mqtt.MqttClient, which: number) => {
    let open: Promise<unknown>[] = [];
    for (let n = 0; n < messages; n++) {
      const room = n % ROOMS;
      if (room % PUBLISHERS !== which) continue;
      const payload = JSON.stringify({ n, text: 'x' }).padEnd(200, ' ');
      open.push(client.publishAsync(`${job.id}/room-${room}/messages`, payload, { qos: 1 }));
      if (open.length >= 200) {
        await Promise.all(open);
        open = [];
      }
    }
    await Promise.all(open);
    await client.endAsync();
  };
  await Promise.all(publishers.map(publish));
}

type Count = Pick<DrainResult, 'perSecond' | 'lost' | 'duplicates' | 'reordered'>;

function readQueue(
  job: Job,
  messages: number,
): { done: Promise<Count>; sofar: () => Count; close: () => void } {
  const seen = new Uint8Array(messages);
  const newest = new Int32Array(ROOMS).fill(-1);
  let count = 0;
  let duplicates = 0;
  let reordered = 0;
  let first = 0;
  let last = 0;
  const sofar = (): Count => ({
    perSecond: Math.round(((count - 1) * 1_000) / Math.max(1, last - first)),
    lost: messages - count,
    duplicates,
    reordered,
  });
  const { host, ports, accounts, type } = job.broker;
  const container = rhea.create_container({ id: `${job.id}-reader` });
  const connection = container.connect({
    host,
    port: ports.amqp ?? 0,
    ...accounts.bridge,
    reconnect: false,
  });
  connection.open_receiver({
    source: { address: type === 'activemq' ? `queue://${job.queue}` : job.queue, capabilities: ['queue'] },
    credit_window: 500,
  });
  const done = new Promise<Count>((resolve, reject) => {
    container.on('message', ({ message }: rhea.EventContext) => {
      const body = message?.body as string | { content: Buffer };
      const { n } = JSON.parse(typeof body === 'string' ? body : body.content.toString()) as { n: number };
      last = performance.now();
      if (first === 0) first = last;
      if (seen[n] === 1) {
        duplicates++;
        return;
      }
      seen[n] = 1;
      const room = n % ROOMS;
      if (n < (newest[room] ?? 0)) reordered++;
      else newest[room] = n;
      if (++count === messages) resolve(sofar());
    });
    container.on('receiver_error', () => reject(new Error(`cannot read ${job.queue}`)));
    container.on('disconnected', () => reject(new Error('the reader lost its connection')));
  });
  return {
    done,
    sofar,
    close: () => {
      container.removeAllListeners('disconnected');
      connection.close();
    },
  };
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

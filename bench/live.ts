import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestBroker } from '../test/support/brokers.js';
import { uniqueName } from '../test/support/names.js';
import { type Measured, publish, startMeter, type Usage, usageOf } from './load.js';
import type { Job, Peer } from './peers/peer.js';

export interface LiveResult extends Measured {
  readonly broker: string;
  readonly peer: string;
  readonly messages: number;
  readonly perSecond: number;
  /** None where no program beside the broker moves the messages. */
  readonly usage?: Usage;
}

/** The broker itself copies what is published to queues. */
export interface OwnPath {
  readonly name: string;
  readonly topic: (id: string, room: number) => string;
  readonly queue: (id: string) => string;
}

/** Publishers, whatever moves the messages and a reader of the queue at the same time. */
export async function live(
  broker: TestBroker,
  label: string,
  peer: Peer | OwnPath,
  { messages, rate }: { readonly messages: number; readonly rate?: number },
): Promise<LiveResult> {
  const id = uniqueName('bench');
  const folder = await mkdtemp(join(tmpdir(), 'bridge-bench-'));
  const isPeer = 'start' in peer;
  const queue = isPeer ? `${id}-out` : peer.queue(id);
  const topic = (room: number) => (isPeer ? `${id}/room-${room}/messages` : peer.topic(id, room));
  const job: Job = { broker, id, folder, topicFilter: `${id}/+/messages`, queue };
  const { measured } = await startMeter(job, queue, messages);
  if (isPeer) await peer.prepare(job);
  const running = isPeer ? await peer.start(job) : undefined;
  try {
    await running?.ready;
    await publish(job, { messages, topic, ...(rate === undefined ? {} : { rate }) });
    const seen = await measured;
    const usage = running === undefined ? undefined : await usageOf(running.child.pid ?? 0);
    return {
      broker: label,
      peer: peer.name,
      messages,
      perSecond: Math.round((messages - seen.lost) / seen.seconds),
      ...seen,
      ...(usage === undefined ? {} : { usage }),
    };
  } finally {
    if (running !== undefined && running.child.exitCode === null) {
      const exited = once(running.child, 'exit');
      running.child.kill('SIGKILL');
      await exited;
    }
    await rm(folder, { recursive: true, force: true });
  }
}

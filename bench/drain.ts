import { setTimeout as delay } from 'node:timers/promises';
import type { TestBroker } from '../test/support/brokers.js';
import { whileRunning, withJob } from './job.js';
import {
  type Cost,
  costOf,
  type Measured,
  publish,
  startMeter,
  topicOf,
  type Usage,
  usageOf,
} from './load.js';
import type { Peer, RunningPeer } from './peers/peer.js';

/** Milliseconds after which a drain counts as stuck. */
const LIMIT = 180_000;
/** Milliseconds without progress after which no more is expected. */
const STANDSTILL = 15_000;
/** Milliseconds between two looks at how far a peer is. */
const LOOK = 50;

export interface DrainResult extends Cost, Pick<Measured, 'lost' | 'duplicates' | 'reordered'> {
  readonly broker: string;
  readonly peer: string;
  readonly messages: number;
  readonly perSecond: number;
  /** Of the second half alone: until then a virtual machine still compiles. */
  readonly warm: Pace;
}

/** Messages a second, and CPU seconds for 100,000 of them. */
export interface Pace {
  readonly perSecond: number;
  readonly cpuPer100k: number;
}

/**
 * Fills what the broker keeps for a peer while that is away, lets the peer move it, and only then reads the queue: a reader beside it
 * would cost the broker as much as the peer does. The time runs from the first confirmed message to the last.
 */
export function drain(broker: TestBroker, label: string, peer: Peer, messages: number): Promise<DrainResult> {
  return withJob(broker, async (job) => {
    await peer.prepare(job);
    await publish(job, { messages, topic: (room) => topicOf(job, room) });
    return whileRunning(peer, job, async (running) => {
      const moved = await whileDraining(running, messages);
      const { measured } = await startMeter(job, job.queue, { messages, warmUp: 0 });
      const { lost, duplicates, reordered } = await measured;
      return { broker: label, peer: peer.name, messages, ...moved, lost, duplicates, reordered };
    });
  });
}

/** How far a peer was. */
interface Look {
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
  readonly count: number;
  readonly usage: Usage;
}

/**
 * Messages a second from the first confirmed message to the last, and what they cost. A peer that stands still counts up to there: what
 * Camel's client gets before Camel listens to it stays without an answer until it connects again.
 */
async function whileDraining(
  { child, moved }: RunningPeer,
  messages: number,
): Promise<Cost & Pick<DrainResult, 'perSecond' | 'warm'>> {
  const pid = child.pid ?? 0;
  const end = performance.now() + LIMIT;
  let first: Look | undefined;
  let half: Look | undefined;
  let last: Look = { at: performance.now(), count: 0, usage: await usageOf(pid) };
  while (performance.now() < end) {
    const count = await moved();
    const now = performance.now();
    if (count > last.count) {
      last = { at: now, count, usage: await usageOf(pid) };
      first ??= last;
      if (count >= messages / 2) half ??= last;
    }
    const isOver = count >= messages || now - last.at > STANDSTILL;
    if (first !== undefined && isOver) {
      const { perSecond, cpuPer100k } = paceOf(half ?? last, last);
      return { ...paceOf(first, last), warm: { perSecond, cpuPer100k } };
    }
    await delay(LOOK);
  }
  throw new Error(`only ${last.count} of ${messages} messages were moved within ${LIMIT} ms`);
}

/** From one look to another; not a number where nothing was moved between them. */
function paceOf(from: Look, to: Look): Pace & Cost {
  const messages = to.count - from.count;
  return {
    perSecond: Math.round((messages * 1_000) / (to.at - from.at)),
    ...costOf(from.usage, to.usage, messages),
  };
}

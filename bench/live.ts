import type { TestBroker } from '../test/support/brokers.js';
import { whileRunning, withJob } from './job.js';
import {
  type Cost,
  costOf,
  type Expected,
  type LoadOptions,
  type Measured,
  type Meter,
  publish,
  startMeter,
  topicOf,
  usageOf,
} from './load.js';
import type { Job, Peer } from './peers/peer.js';
import { fillQueue, startMqttMeter } from './to-mqtt.js';

export interface LiveResult extends Measured {
  readonly broker: string;
  readonly peer: string;
  readonly messages: number;
  readonly perSecond: number;
  /** None where no program beside the broker moves the messages. */
  readonly cost?: Cost;
}

/** The broker itself copies what is published to queues. */
export interface OwnPath {
  readonly name: string;
  readonly topic: (id: string, room: number) => string;
  readonly queue: (id: string) => string;
}

/** Messages of one measurement and of its warm-up, and how many a second; as fast as they are acknowledged without `rate`. */
export interface Amount extends Expected {
  readonly rate?: number;
}

/** Which way messages go: who makes them, and who reads what the peer has moved. */
export interface Direction {
  readonly load: (job: Job, amount: LoadOptions, topic?: Peer['topic']) => Promise<void>;
  readonly meter: (job: Job, expected: Expected) => Promise<Meter>;
}

/** From MQTT topics into a queue. */
export const TO_QUEUE: Direction = {
  load: (job, amount, topic = (id, room) => topicOf({ id }, room)) =>
    publish(job, { ...amount, topic: (room) => topic(job.id, room) }),
  meter: (job, expected) => startMeter(job, job.queue, expected),
};

/** From a queue to MQTT topics. */
export const TO_MQTT: Direction = { load: fillQueue, meter: startMqttMeter };

/**
 * Load, a peer that moves the messages and somebody who reads them at the same time. What is measured begins when all of the warm-up has
 * come: a service runs for days, and a virtual machine compiles during its first thousands of messages.
 */
export function live(
  broker: TestBroker,
  label: string,
  peer: Omit<Peer, 'drains'>,
  amount: Amount,
  { load, meter }: Direction = TO_QUEUE,
): Promise<LiveResult> {
  return withJob(broker, async (job) => {
    const reader = await meter(job, amount);
    await peer.prepare(job);
    return whileRunning(peer, job, async ({ child, ready }) => {
      await ready;
      const pid = child.pid ?? 0;
      await warmUp(amount, reader, (some) => load(job, some, peer.topic));
      const before = await usageOf(pid);
      await load(job, measuredOf(amount), peer.topic);
      const result = resultOf({ broker: label, peer: peer.name }, amount, await reader.measured);
      return { ...result, cost: costOf(before, await usageOf(pid), amount.messages) };
    });
  });
}

/** The same without a peer. */
export function liveOnOwnPath(
  broker: TestBroker,
  label: string,
  own: OwnPath,
  amount: Amount,
): Promise<LiveResult> {
  return withJob(broker, async (job) => {
    const reader = await startMeter(job, own.queue(job.id), amount);
    const load = (some: LoadOptions) => publish(job, { ...some, topic: (room) => own.topic(job.id, room) });
    await warmUp(amount, reader, load);
    await load(measuredOf(amount));
    return resultOf({ broker: label, peer: own.name }, amount, await reader.measured);
  });
}

/** What comes after the warm-up. */
const measuredOf = ({ warmUp, ...measured }: Amount): LoadOptions => ({ ...measured, from: warmUp });

/** As fast as it goes, and resolves when it has all come. Rejects when some of it does not come. */
async function warmUp(
  { warmUp: messages }: Amount,
  { warm, measured }: Meter,
  load: (some: LoadOptions) => Promise<void>,
): Promise<void> {
  if (messages === 0) return;
  await load({ messages });
  const missing = measured.then(({ lost }) => {
    throw new Error(
      `the warm-up did not come: ${lost} messages are missing, with those that were to be measured`,
    );
  });
  await Promise.race([warm, missing]);
}

function resultOf(
  what: Pick<LiveResult, 'broker' | 'peer'>,
  { messages }: Amount,
  seen: Measured,
): LiveResult {
  return { ...what, messages, perSecond: Math.round((messages - seen.lost) / seen.seconds), ...seen };
}

import type { TestBroker } from '../test/support/brokers.js';
import { whileRunning, withJob } from './job.js';
import {
  type Cost,
  costSince,
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

/** Messages of one measurement, and how many a second; as fast as they are acknowledged without `rate`. */
export interface Amount {
  readonly messages: number;
  readonly rate?: number;
}

/** Which way messages go: who makes them, and who reads what the peer has moved. */
export interface Direction {
  readonly load: (job: Job, amount: Amount, topic?: Peer['topic']) => Promise<void>;
  readonly meter: (job: Job, messages: number) => Promise<Meter>;
}

/** From MQTT topics into a queue. */
export const TO_QUEUE: Direction = {
  load: (job, amount, topic = (id, room) => topicOf({ id }, room)) =>
    publish(job, { ...amount, topic: (room) => topic(job.id, room) }),
  meter: (job, messages) => startMeter(job, job.queue, messages),
};

/** From a queue to MQTT topics. */
export const TO_MQTT: Direction = { load: fillQueue, meter: startMqttMeter };

/** Load, a peer that moves the messages and somebody who reads them at the same time. */
export function live(
  broker: TestBroker,
  label: string,
  peer: Omit<Peer, 'drains'>,
  amount: Amount,
  { load, meter }: Direction = TO_QUEUE,
): Promise<LiveResult> {
  return withJob(broker, async (job) => {
    const { measured } = await meter(job, amount.messages);
    await peer.prepare(job);
    return whileRunning(peer, job, async ({ child, ready }) => {
      await ready;
      const pid = child.pid ?? 0;
      const before = await usageOf(pid);
      await load(job, amount, peer.topic);
      const result = resultOf({ broker: label, peer: peer.name }, amount, await measured);
      return { ...result, cost: await costSince(before, pid, amount.messages) };
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
    const { measured } = await startMeter(job, own.queue(job.id), amount.messages);
    await publish(job, { ...amount, topic: (room) => own.topic(job.id, room) });
    return resultOf({ broker: label, peer: own.name }, amount, await measured);
  });
}

function resultOf(
  what: Pick<LiveResult, 'broker' | 'peer'>,
  { messages }: Amount,
  seen: Measured,
): LiveResult {
  return { ...what, messages, perSecond: Math.round((messages - seen.lost) / seen.seconds), ...seen };
}

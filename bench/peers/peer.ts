import type { ChildProcess } from 'node:child_process';
import type { BrokerType } from '../../bridge/connectors/connector.js';
import type { TestBroker } from '../../test/support/brokers.js';

/** What has to be moved where. */
export interface Job {
  readonly broker: TestBroker;
  /** Unique; part of every name. */
  readonly id: string;
  readonly topicFilter: string;
  readonly queue: string;
  /** Gone when the peer has ended. */
  readonly folder: string;
}

/** A program that moves messages from `topicFilter` to `queue`, with a session that outlives it. */
export interface Peer {
  readonly name: string;
  /** The types of broker on which it works at all; all without it. */
  readonly worksOn?: readonly BrokerType[];
  /** The types of broker on which it can take what waited for it; all without it. */
  readonly drains?: readonly BrokerType[];
  /** The types of broker on which it moves some hundreds of messages a second, however many wait; there a fifth has to do, of a backlog and of a warm-up. */
  readonly slowOn?: readonly BrokerType[];
  /** Where it wants the messages of a room, over MQTT, if not at `topicFilter`. */
  readonly topic?: (id: string, room: number) => string;
  /** Makes the broker keep what is published from now on for a peer that starts later. */
  readonly prepare: (job: Job) => Promise<void>;
  readonly start: (job: Job) => Promise<RunningPeer>;
}

export interface RunningPeer {
  readonly child: ChildProcess;
  /** How many messages the queue's broker has confirmed to it so far. */
  readonly moved: () => Promise<number>;
  /** Resolves when it reads. */
  readonly ready: Promise<void>;
}

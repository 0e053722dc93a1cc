import type { BrokerType, Protocol } from './connectors/connector.js';
import type { ErrorCode } from './errors.js';
import type { AddressKind } from './message/address.js';

/** What the bridge says of itself to health, dashboard and tests. Plain data, no secrets, cheap to make. */

export interface Reason {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface ConnectionStatus {
  /** Unique in the bridge, for example `room-to-jms from activemq over mqtt`. */
  readonly name: string;
  readonly broker: string;
  readonly protocol: Protocol;
  readonly state: 'connecting' | 'up' | 'waiting' | 'stopped';
  /** ISO 8601: when it came into this state. */
  readonly since: string;
  /** Failed attempts since it was last up. */
  readonly attempts: number;
  /** How often it came up again since the bridge started, or since its rule was changed. */
  readonly reconnects: number;
  readonly reason?: Reason;
  /** What the broker said it is when it was last up, for example `ActiveMQ 6.1.8`. Not over MQTT, which has no place for it. */
  readonly peer?: string;
  /** What works, and should be changed all the same, one sentence each. */
  readonly notes?: readonly string[];
}

export interface RouteStatus {
  readonly name: string;
  readonly state: 'running' | 'waiting' | 'disabled';
  readonly reason?: Reason;
  readonly received: number;
  readonly delivered: number;
  /** Not taken by `where`. */
  readonly filtered: number;
  /** Left out by `dedupe`. */
  readonly duplicates: number;
  /** At most once: accepted at the source and then not delivered. */
  readonly lost: number;
  /** Accepted and not sent to a destination, because their own time to live was over. */
  readonly expired: number;
  /** Sends made again. */
  readonly retried: number;
  readonly deadLettered: number;
  /** How many of these for each reason that there was. */
  readonly deadLetterReasons: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Why the last of them became one. */
  readonly lastDeadLetter?: Reason & {
    /** ISO 8601. */
    readonly at: string;
  };
  /** Taken from the source and not yet settled. */
  readonly inFlight: number;
  /** How long the oldest of them is being sent; 0 without one. */
  readonly oldestInFlightSeconds: number;
}

/** A small message that is sent to a broker and read back, again and again, over one protocol. */
export interface CanaryStatus {
  readonly broker: string;
  readonly protocol: Protocol;
  /** The kind and name of the place that it is sent to. */
  readonly address: string;
  /** late: none has come back for three times the time between two. */
  readonly state: 'starting' | 'back' | 'late';
  /** Of the last one that came back. */
  readonly roundTripMs?: number;
  /** ISO 8601: when that was. */
  readonly lastBack?: string;
  /** Why it is late, as far as that is known. */
  readonly reason?: Reason;
}

/** What one of several bridges with the same rules holds while it works. */
export interface LockStatus {
  readonly broker: string;
  readonly protocol: Protocol;
  /** The kind and name of the place that the bridges agree in. */
  readonly address: string;
  /** waiting: another bridge has it, or nobody does. */
  readonly state: 'held' | 'waiting';
  /** ISO 8601. */
  readonly since: string;
}

export interface BridgeStatus {
  /** True when every route's source is subscribed, every sink has its connection, no route is held up, and no canary late. */
  readonly ready: boolean;
  readonly state: 'starting' | 'running' | 'standby' | 'draining' | 'stopped';
  readonly startedAt: string;
  readonly connections: readonly ConnectionStatus[];
  readonly routes: readonly RouteStatus[];
  /** Absent when no broker has one. */
  readonly canaries?: readonly CanaryStatus[];
  /** Absent where nobody may stand by. */
  readonly lock?: LockStatus;
  /** Absent until the rules were read again for the first time. */
  readonly lastReload?: ReloadOutcome;
}

/** How often values of each size were seen. */
export interface HistogramCounts {
  /** Ascending, the last one without a bound (Infinity); each counts all that are not above its bound. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[];
  readonly sum: number;
  readonly count: number;
}

export type ConnectionName = Pick<ConnectionStatus, 'name' | 'broker' | 'protocol'>;

/** What the bridge measures besides what its status tells: too much for people, made for programs that draw it. */
export interface Measurements {
  /** Of each route that is not disabled: seconds from when a message was taken until every destination's broker had confirmed it. */
  readonly deliveries: readonly { readonly route: string; readonly seconds: HistogramCounts }[];
  /** Of each connection that has sent some: messages that a broker confirmed together. */
  readonly batches: readonly (ConnectionName & { readonly messages: HistogramCounts })[];
  /** Of each source: how many more messages it may hand over now. */
  readonly credits: readonly (ConnectionName & { readonly credit: number })[];
}

/** What a reload does, by the names of routes. Routes of one `connection` change together. */
export interface RouteChanges {
  /** They go on undisturbed. */
  readonly unchanged: readonly string[];
  /** Drained and started anew. */
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Durable sessions and subscriptions that their broker keeps, with all that comes for them, and that no rule reads any more. */
  readonly left: readonly string[];
}

/** What became of an attempt to go over to what the mapping file says now. */
export type ReloadOutcome =
  | {
      readonly ok: true;
      /** ISO 8601. */
      readonly at: string;
      readonly changes: RouteChanges;
      /** What the reload could not do, one sentence each. */
      readonly notes: readonly string[];
    }
  /** The old rules go on. */
  | { readonly ok: false; readonly at: string; readonly problems: readonly string[] };

/** What the rules join, as they are now: the map on which `BridgeStatus` tells what happens. */
export interface Topology {
  readonly brokers: readonly { readonly name: string; readonly type: BrokerType }[];
  /** By the names that `BridgeStatus.routes` has. */
  readonly routes: readonly RouteEnds[];
}

export interface RouteEnds {
  readonly name: string;
  readonly from: RouteEnd;
  readonly to: readonly RouteEnd[];
  /** Where its dead letters go. */
  readonly deadLetter: RouteEnd;
}

/** Where a route reads or writes, as its rule has it. */
export interface RouteEnd {
  readonly broker: string;
  readonly protocol: Protocol;
  readonly kind: AddressKind;
  /** A name with its captures and holes, for example `chat/{room}/messages`. */
  readonly name: string;
}

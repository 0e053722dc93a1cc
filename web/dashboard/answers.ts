/** What the bridge answers to the dashboard, as far as the page uses it. bridge/http/overview.ts and its neighbours make it. */

export interface Overview {
  readonly ready: boolean;
  readonly state: 'starting' | 'running' | 'standby' | 'draining' | 'stopped';
  readonly startedAt: string;
  /** Milliseconds on a clock that nobody sets. */
  readonly clock: number;
  readonly reasons: readonly string[];
  readonly brokers: readonly Broker[];
  readonly routes: readonly Route[];
  readonly lastReload?: {
    readonly ok: boolean;
    readonly at: string;
    readonly problems?: readonly string[];
  };
  readonly problems: readonly Problem[];
  readonly admin: { readonly available: boolean; readonly granted: boolean; readonly tail: boolean };
  readonly chat: boolean;
}

export type Protocol = 'mqtt' | 'amqp' | 'stomp';

export interface Broker {
  readonly name: string;
  readonly type: 'activemq' | 'artemis' | 'mqtt';
  readonly state: 'up' | 'partly' | 'down' | 'unused';
  readonly protocols: readonly {
    readonly protocol: Protocol;
    readonly connections: number;
    readonly up: number;
  }[];
  readonly reason?: Reason;
  readonly attempts: number;
  readonly since?: string;
}

export interface Reason {
  readonly code: string;
  readonly message: string;
}

export interface Route {
  readonly name: string;
  readonly state: 'running' | 'waiting' | 'disabled';
  readonly reason?: Reason;
  readonly received: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly retried: number;
  readonly deadLettered: number;
  readonly inFlight: number;
  readonly oldestInFlightSeconds: number;
  /** The ends are missing for a moment while the rules change. */
  readonly from?: End;
  readonly to?: readonly End[];
  readonly deadLetter?: End;
}

/** Where a route reads or writes. */
export interface End {
  readonly broker: string;
  readonly protocol: Protocol;
  readonly kind: 'mqtt' | 'queue' | 'topic';
  readonly name: string;
}

export interface Problem {
  readonly level: 'warn' | 'error';
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly count: number;
  readonly at: string;
}

export interface DeadLetter {
  readonly id?: string;
  readonly route: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly time: string;
  readonly destination?: string;
  readonly source: string;
  readonly bytes: number;
  /** The beginning; absent when the dead letter has not all of the message: then it cannot be replayed. */
  readonly body?: string;
}

export interface DeadLetters {
  readonly letters: readonly DeadLetter[];
  readonly more: boolean;
  readonly unread: readonly { readonly broker: string; readonly queue: string; readonly reason: string }[];
}

/** Which dead letters; all of them has to be said. */
export type Which =
  | { readonly id: string }
  | { readonly route?: string; readonly reason?: string }
  | { readonly all: true };

export interface Handled {
  readonly done: number;
  readonly stay: number;
  readonly stayed: readonly (DeadLetter & { readonly problem: string })[];
  readonly isComplete: boolean;
}

export interface Tail {
  readonly messages: readonly Glimpse[];
  readonly seen: number;
}

export interface Glimpse {
  readonly number: number;
  readonly at: string;
  readonly address: string;
  readonly bytes: number;
  readonly text: string;
}

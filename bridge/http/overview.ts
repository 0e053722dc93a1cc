import type { Problem } from '../observability/recent-problems.js';
import type {
  BridgeStatus,
  ConnectionStatus,
  Reason,
  ReloadOutcome,
  RouteEnds,
  RouteStatus,
  Topology,
} from '../status.js';
import { isReady, reasonsOf } from './reasons.js';

/** All that the dashboard draws, in one answer; it asks for it each second. */
export interface Overview {
  readonly ready: boolean;
  readonly state: BridgeStatus['state'];
  readonly startedAt: string;
  /** Milliseconds on a clock that nobody sets: two answers with it give rates. */
  readonly clock: number;
  /** Why it is not ready; the first ones of many. */
  readonly reasons: readonly string[];
  readonly brokers: readonly BrokerOverview[];
  readonly routes: readonly (RouteStatus & Partial<RouteEnds>)[];
  readonly lastReload?: ReloadOutcome;
  /** The latest first. */
  readonly problems: readonly Problem[];
  readonly admin: AdminState;
  /** Is there a chat page that works? */
  readonly chat: boolean;
}

export interface AdminState {
  /** Does the mapping file set a token? */
  readonly available: boolean;
  /** Did this request bring it? */
  readonly granted: boolean;
  /** May who has it watch messages? */
  readonly tail: boolean;
}

export interface BrokerOverview {
  readonly name: string;
  readonly type: Topology['brokers'][number]['type'];
  /** unused: no route that is enabled has to do with it. */
  readonly state: 'up' | 'partly' | 'down' | 'unused';
  readonly protocols: readonly ProtocolOverview[];
  /** Of what is down. */
  readonly reason?: Reason;
  /** Failed attempts in a row, the most of any connection. */
  readonly attempts: number;
  /** ISO 8601: the last time that a connection changed its state. */
  readonly since?: string;
}

export interface ProtocolOverview {
  readonly protocol: ConnectionStatus['protocol'];
  readonly connections: number;
  readonly up: number;
}

/** One broker that is down can be the reason of hundreds of connections. */
const MOST_REASONS = 20;

export interface OverviewParts {
  readonly status: BridgeStatus;
  readonly topology: Topology;
  readonly problems: readonly Problem[];
  readonly admin: AdminState;
  readonly chat: boolean;
  readonly clock: number;
}

export function overviewOf({ status, topology, problems, admin, chat, clock }: OverviewParts): Overview {
  const ends = new Map(topology.routes.map((route) => [route.name, route]));
  const { state, startedAt, lastReload } = status;
  return {
    ready: isReady(status),
    state,
    startedAt,
    clock: Math.round(clock),
    reasons: reasonsOf(status).slice(0, MOST_REASONS),
    brokers: topology.brokers.map(({ name, type }) => ({
      name,
      type,
      ...connectionsOf(status.connections.filter(({ broker }) => broker === name)),
    })),
    routes: status.routes.map((route) => ({ ...ends.get(route.name), ...route })),
    ...(lastReload === undefined ? {} : { lastReload }),
    problems: admin.granted ? problems : problems.map(withoutMessage),
    admin,
    chat,
  };
}

function connectionsOf(connections: readonly ConnectionStatus[]): Omit<BrokerOverview, 'name' | 'type'> {
  const isUp = ({ state }: ConnectionStatus) => state === 'up';
  const up = connections.filter(isUp).length;
  const names = [...new Set(connections.map(({ protocol }) => protocol))];
  const reason = connections.find((one) => !isUp(one) && one.reason !== undefined)?.reason;
  const since = connections
    .map((one) => one.since)
    .sort()
    .at(-1);
  const state = up === connections.length ? 'up' : up > 0 ? 'partly' : 'down';
  return {
    state: connections.length === 0 ? 'unused' : state,
    protocols: names.map((protocol) => {
      const own = connections.filter((one) => one.protocol === protocol);
      return { protocol, connections: own.length, up: own.filter(isUp).length };
    }),
    attempts: Math.max(0, ...connections.map(({ attempts }) => attempts)),
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since }),
  };
}

/** The name of a room may be all that keeps strangers out of it: where a single message came from is for who has the token. */
function withoutMessage(problem: Problem): Problem {
  const { from, reason: _reason, ...fields } = problem.fields;
  return from === undefined ? problem : { ...problem, fields };
}

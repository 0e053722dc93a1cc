import { Canaries } from './canaries.js';
import { laneClientId, sourceClientId } from './config/client-ids.js';
import type { Config, RouteConfig } from './config/config.js';
import { deadLetterPlace } from './config/dead-letter-place.js';
import { isOneTransaction } from './config/one-transaction.js';
import type { MqttSubscription, Protocol } from './connectors/connector.js';
import { fullLaneOf } from './connectors/flavours/flavour.js';
import { echoPathsOf } from './echo-paths.js';
import { CONNECT, endpointOf } from './endpoints.js';
import { BridgeError } from './errors.js';
import { EchoLedger, EchoReader } from './flow/echo-ledger.js';
import { Flow, type FlowRoute } from './flow/flow.js';
import { Lanes } from './flow/lanes.js';
import { RouteRecord } from './flow/route-record.js';
import type { Tails } from './flow/tails.js';
import type { Log } from './observability/log.js';
import type { RouteTracer, Tracer } from './observability/tracer.js';
import {
  brokerNamed,
  changesBetween,
  Exchanges,
  fingerprintOf,
  type SessionRoute,
  type SessionRoutes,
  sessionsOf,
} from './sessions.js';
import type { BridgeStatus, Measurements, RouteChanges, RouteStatus } from './status.js';

/** Sends a lane may have without an answer: enough to keep a broker busy, and little in doubt when its connection is lost. */
const LANE_WINDOW = 500;

/** A running set of routes. */
export interface Bridge {
  /** Begins to connect and returns; a broker that is down is retried for ever and shows in `status`. */
  start(): void;
  /**
   * Goes over to other rules. Sessions whose rules and brokers are the same go on undisturbed; the others drain for at most
   * `deadline` ms, and what they left comes again under the new rules. One at a time.
   */
  reload(next: Config, deadline: number): Promise<RouteChanges>;
  /** Takes nothing more, settles what is in flight for at most `deadline` ms, closes every connection. */
  stop(deadline: number): Promise<void>;
  status(): BridgeStatus;
  measurements(): Measurements;
  /** Those that it follows now. */
  rules(): Config;
}

/** One source session, as it runs. */
interface Session {
  readonly fingerprint: string;
  readonly flow: Flow;
}

/** Who else sees the messages as they pass. */
export interface Onlookers {
  /** For messages that somebody may watch. */
  readonly tails?: Tails;
  readonly tracer?: Tracer;
}

/** Wires a Config to connectors and flows. The only part that knows everything. */
export function createBridge(config: Config, log: Log, onlookers: Onlookers = {}): Bridge {
  const startedAt = new Date().toISOString();
  let rules = config;
  let sessions = new Map<string, Session>();
  let state: BridgeStatus['state'] = 'starting';
  let working: Promise<unknown> = Promise.resolve();
  const isStopping = () => state === 'draining' || state === 'stopped';
  const exchanges = new Exchanges();
  const echoes = new EchoLedger();
  /** What the durable sessions of rules that are gone may be subscribed to, in case they come back. Each took a reload to get here. */
  const abandoned = new Map<string, readonly MqttSubscription[]>();
  const canaries = new Canaries(log);
  const first = sessionsOf(config, exchanges);
  echoes.follow(echoPathsOf(config, first));
  for (const [name, routes] of first)
    sessions.set(name, createSession(name, routes, { config, log, echoes, onlookers, former: [] }));

  const change = async (next: Config, deadline: number): Promise<RouteChanges> => {
    if (isStopping())
      throw new BridgeError(
        'missing-prerequisite',
        'the bridge is stopping; its rules do not change any more',
      );
    const wanted = sessionsOf(next, exchanges);
    const stays = ([name, session]: [string, Session]) => {
      const routes = wanted.get(name);
      return routes !== undefined && fingerprintOf(routes, next) === session.fingerprint;
    };
    const kept = new Map([...sessions].filter(stays));
    const ending = [...sessions].filter(([name]) => !kept.has(name));
    const changes = changesBetween(rules, next, new Set(kept.keys()));
    // Everything that can fail does so before anything ends: then the old rules go on.
    const coming = new Map<string, Session>();
    for (const [name, routes] of wanted) {
      const former = sessions.get(name)?.flow.mayBeSubscribedTo() ?? abandoned.get(name) ?? [];
      const context = { config: next, log, echoes, onlookers, former };
      coming.set(name, kept.get(name) ?? createSession(name, routes, context));
    }
    const echoPaths = echoPathsOf(next, wanted);
    await Promise.all(ending.map(([, { flow }]) => flow.stop(deadline)));
    if (isStopping()) return changes;
    rules = next;
    sessions = coming;
    echoes.follow(echoPaths);
    for (const [name, { flow }] of ending)
      if (!coming.has(name)) abandoned.set(name, flow.mayBeSubscribedTo());
    for (const [name, { flow }] of coming) {
      abandoned.delete(name);
      if (!kept.has(name)) flow.start();
    }
    await canaries.update(next, wanted.values());
    return changes;
  };

  return {
    start() {
      for (const { flow } of sessions.values()) flow.start();
      void canaries.update(config, first.values());
    },
    reload(next, deadline) {
      const changing = working.then(() => change(next, deadline));
      working = changing.catch(() => undefined);
      return changing;
    },
    rules: () => rules,
    async stop(deadline) {
      state = 'draining';
      await Promise.all([canaries.stop(), ...[...sessions.values()].map(({ flow }) => flow.stop(deadline))]);
      state = 'stopped';
    },
    status() {
      const flows = [...sessions.values()].map(({ flow }) => flow);
      const connections = flows.flatMap((flow) => flow.connections());
      const routes = flows.flatMap((flow) => flow.routes());
      const canaryStates = canaries.status();
      const ready =
        connections.every((connection) => connection.state === 'up') &&
        routes.every((route) => route.state === 'running') &&
        canaryStates.every((canary) => canary.state !== 'late');
      if (state === 'starting' && ready) state = 'running';
      return {
        ready: ready && state === 'running',
        state,
        startedAt,
        connections,
        ...(canaryStates.length === 0 ? {} : { canaries: canaryStates }),
        routes: [...routes, ...rules.routes.filter(({ enabled }) => !enabled).map(disabledStatus)],
      };
    },
    measurements() {
      const all = [...sessions.values()].map(({ flow }) => flow.measurements());
      return {
        deliveries: all.flatMap(({ deliveries }) => deliveries),
        batches: all.flatMap(({ batches }) => batches),
        credits: all.flatMap(({ credits }) => credits),
      };
    },
  };
}

interface SessionContext {
  readonly config: Config;
  readonly log: Log;
  readonly echoes: EchoLedger;
  readonly onlookers: Onlookers;
  /** What the session was subscribed to under other rules. */
  readonly former: readonly MqttSubscription[];
}

function createSession(name: string, routes: SessionRoutes, context: SessionContext): Session {
  return {
    fingerprint: fingerprintOf(routes, context.config),
    flow: createFlow(name, routes, context),
  };
}

function createFlow(name: string, routes: SessionRoutes, context: SessionContext): Flow {
  const { config, log, echoes, onlookers, former } = context;
  const { tails, tracer } = onlookers;
  const pool = new Map<string, Lanes>();
  const lanesFor = (
    { broker, via }: { broker: string; via: Protocol },
    { forDeadLetters = false } = {},
  ): Lanes => {
    const key = `${broker} over ${via}`;
    const known = pool.get(key);
    if (known !== undefined) return known;
    const target = brokerNamed(config, broker);
    const lanes = new Lanes({
      name: `${name} to ${key}`,
      endpoints: Array.from({ length: forDeadLetters ? 1 : target.lanes }, (_, index) =>
        endpointOf(target, via, {
          clientId: laneClientId(target.clientId, name, via, index + 1),
          cleanSession: true,
        }),
      ),
      connect: CONNECT[via],
      window: LANE_WINDOW,
      fullLane: fullLaneOf(target.type, via),
      retry: routes[0].config.retry,
      atMostOnce: routes[0].config.delivery === 'at-most-once',
      hold: () => flow.clientIdConflict(via),
      // A route that never needs one is not held up over how its dead letters look.
      evenIfUnreadable: forDeadLetters,
      onOpen: () => flow.laneOpened(),
      log,
    });
    pool.set(key, lanes);
    return lanes;
  };
  const flowRoutes = routes.map(({ outputs, ...route }) => ({
    ...route,
    outputs,
    to: outputs.map((output) => lanesFor(output)),
    echoes: echoes.notesOf(route.config.name),
    ...(tracer === undefined ? {} : { tracer: tracerOf({ outputs, ...route }, config, tracer) }),
  }));
  // After every destination has its lanes, so that dead letters share them where they can.
  const withDeadLetters = flowRoutes.map(({ outputs, ...route }): FlowRoute => {
    const place = deadLetterPlace(route.config, config.brokers, outputs);
    return {
      ...route,
      deadLetter: { address: place.address, lanes: lanesFor(place, { forDeadLetters: true }) },
    };
  });
  const [first, ...rest] = withDeadLetters;
  if (first === undefined) throw new RangeError('a flow needs at least one route');

  const { config: rule, outputs } = routes[0];
  const { from } = rule;
  const ends = [...outputs, deadLetterPlace(rule, config.brokers, outputs)];
  const source = brokerNamed(config, from.broker);
  const flow = new Flow({
    name,
    routes: [first, ...rest],
    endpoint: endpointOf(source, from.via, {
      clientId: sourceClientId(source.clientId, name),
      cleanSession: from.session === 'clean',
    }),
    connect: CONNECT[from.via],
    lanes: [...pool.values()],
    ...(isOneTransaction(rule, ends, config.brokers) ? { transactions: { window: LANE_WINDOW } } : {}),
    echoes: new EchoReader(echoes, name),
    former,
    log,
    ...(tails === undefined ? {} : { tails }),
  });
  return flow;
}

function tracerOf({ config: route, outputs }: SessionRoute, config: Config, tracer: Tracer): RouteTracer {
  const placed = ({ broker, via }: { readonly broker: string; readonly via: Protocol }, template: string) => {
    const target = brokerNamed(config, broker);
    const [server, ...others] = target.endpoints.get(via) ?? [];
    const system = target.type === 'mqtt' ? 'mqtt' : 'activemq';
    return { system, template, ...(server === undefined || others.length > 0 ? {} : { server }) };
  };
  const { from } = route;
  return tracer.route({
    name: route.name,
    from: placed(from, from.pattern.text),
    to: outputs.map((output) => placed(output, templateOf(output))),
  });
}

/** The name of a destination as its rule has it. */
function templateOf(output: SessionRoute['outputs'][number]): string {
  if ('name' in output) return output.name.text;
  return 'pattern' in output.allows ? output.allows.pattern.text : `(temporary ${output.allows.temporary})`;
}

function disabledStatus({ name }: RouteConfig): RouteStatus {
  return { name, state: 'disabled', ...new RouteRecord().status() };
}

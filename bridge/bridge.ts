import type { BrokerConfig, Config, RouteConfig } from './config/config.js';
import { connectAmqp } from './connectors/amqp/connect.js';
import type { Connect, Endpoint, MqttSubscription, Protocol } from './connectors/connector.js';
import { flavourOf } from './connectors/flavours/flavour.js';
import { connectMqtt } from './connectors/mqtt/connect.js';
import { connectStomp } from './connectors/stomp/connect.js';
import { BridgeError } from './errors.js';
import { Flow, type FlowRoute } from './flow/flow.js';
import { Lanes } from './flow/lanes.js';
import type { Address } from './message/address.js';
import type { Log } from './observability/log.js';
import {
  brokerNamed,
  changesBetween,
  clientIdOf,
  Exchanges,
  fingerprintOf,
  type SessionRoute,
  type SessionRoutes,
  sessionsOf,
} from './sessions.js';
import type { BridgeStatus, RouteChanges, RouteStatus } from './status.js';

/** Milliseconds for one attempt to connect. */
const CONNECT_TIMEOUT = 10_000;
/** Milliseconds of silence after which a peer counts as gone. */
const IDLE_TIMEOUT = 15_000;
/** Sends a lane may have without an answer: enough to keep a broker busy, and little in doubt when its connection is lost. */
const LANE_WINDOW = 500;

const CONNECT: Readonly<Record<Protocol, Connect>> = {
  mqtt: connectMqtt,
  amqp: connectAmqp,
  stomp: connectStomp,
};

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
}

/** One source session, as it runs. */
interface Session {
  readonly fingerprint: string;
  readonly flow: Flow;
}

/** Wires a Config to connectors and flows. The only part that knows everything. */
export function createBridge(config: Config, log: Log): Bridge {
  const startedAt = new Date().toISOString();
  let rules = config;
  let sessions = new Map<string, Session>();
  let state: BridgeStatus['state'] = 'starting';
  let working: Promise<unknown> = Promise.resolve();
  const isStopping = () => state === 'draining' || state === 'stopped';
  const exchanges = new Exchanges();
  for (const [name, routes] of sessionsOf(config, exchanges))
    sessions.set(name, createSession(name, routes, { config, log, former: [] }));

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
    await Promise.all(ending.map(([, { flow }]) => flow.stop(deadline)));
    if (isStopping()) return changes;
    rules = next;
    const before = sessions;
    sessions = new Map();
    for (const [name, routes] of wanted) {
      const former = before.get(name)?.flow.mqttSubscriptions() ?? [];
      const session = kept.get(name) ?? createSession(name, routes, { config: next, log, former });
      sessions.set(name, session);
      if (before.get(name) !== session) session.flow.start();
    }
    return changes;
  };

  return {
    start() {
      for (const { flow } of sessions.values()) flow.start();
    },
    reload(next, deadline) {
      const changing = working.then(() => change(next, deadline));
      working = changing.catch(() => undefined);
      return changing;
    },
    async stop(deadline) {
      state = 'draining';
      await Promise.all([...sessions.values()].map(({ flow }) => flow.stop(deadline)));
      state = 'stopped';
    },
    status() {
      const flows = [...sessions.values()].map(({ flow }) => flow);
      const connections = flows.flatMap((flow) => flow.connections());
      const ready = connections.every((connection) => connection.state === 'up');
      if (state === 'starting' && ready) state = 'running';
      return {
        ready: ready && state === 'running',
        state,
        startedAt,
        connections,
        routes: [
          ...flows.flatMap((flow) => flow.routes()),
          ...rules.routes.filter(({ enabled }) => !enabled).map(disabledStatus),
        ],
      };
    },
  };
}

interface SessionContext {
  readonly config: Config;
  readonly log: Log;
  /** What the session was subscribed to under other rules. */
  readonly former: readonly MqttSubscription[];
}

function createSession(name: string, routes: SessionRoutes, context: SessionContext): Session {
  return {
    fingerprint: fingerprintOf(routes, context.config),
    flow: createFlow(name, routes, context),
  };
}

function createFlow(name: string, routes: SessionRoutes, { config, log, former }: SessionContext): Flow {
  const pool = new Map<string, Lanes>();
  const lanesFor = ({ broker, via }: { broker: string; via: Protocol }, count?: number): Lanes => {
    const key = `${broker} over ${via}`;
    const known = pool.get(key);
    if (known !== undefined) return known;
    const target = brokerNamed(config, broker);
    const lanes = new Lanes({
      name: `${name} to ${key}`,
      endpoints: Array.from({ length: count ?? target.lanes }, (_, index) =>
        endpointOf(target, via, {
          clientId: `${target.clientId}-${name}-${via}-lane-${index + 1}`,
          cleanSession: true,
        }),
      ),
      connect: CONNECT[via],
      window: LANE_WINDOW,
      retry: routes[0].config.retry,
      atMostOnce: routes[0].config.delivery === 'at-most-once',
      hold: () => flow.clientIdConflict(via),
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
  }));
  // After every destination has its lanes, so that dead letters share them where they can.
  const withDeadLetters = flowRoutes.map(({ outputs, ...route }): FlowRoute => {
    const place = deadLetterPlace(route.config, outputs, config);
    return { ...route, deadLetter: { address: place.address, lanes: lanesFor(place, 1) } };
  });
  const [first, ...rest] = withDeadLetters;
  if (first === undefined) throw new RangeError('a flow needs at least one route');

  const { from } = routes[0].config;
  const source = brokerNamed(config, from.broker);
  const flow = new Flow({
    name,
    routes: [first, ...rest],
    endpoint: endpointOf(source, from.via, {
      clientId: clientIdOf(source, name),
      cleanSession: from.session === 'clean',
    }),
    connect: CONNECT[from.via],
    lanes: [...pool.values()],
    former,
    log,
  });
  return flow;
}

/**
 * Where a route's dead letters go: the first broker of the route that has queues, over the protocol that the rule already
 * uses there; else a topic on the first plain MQTT broker.
 */
function deadLetterPlace(
  route: RouteConfig,
  outputs: SessionRoute['outputs'],
  config: Config,
): { broker: string; via: Protocol; address: Address } {
  const ends = [...outputs, route.from];
  for (const { broker } of ends) {
    const { jmsVia } = flavourOf(brokerNamed(config, broker).type);
    if (jmsVia === undefined) continue;
    const via = ends.find((end) => end.broker === broker && end.via !== 'mqtt')?.via ?? jmsVia.to;
    return { broker, via, address: { kind: 'queue', name: route.deadLetter } };
  }
  const broker = outputs[0]?.broker ?? route.from.broker;
  return { broker, via: 'mqtt', address: { kind: 'mqtt', name: route.deadLetter.replaceAll('.', '/') } };
}

function endpointOf(
  broker: BrokerConfig,
  protocol: Protocol,
  identity: Pick<Endpoint, 'clientId' | 'cleanSession'>,
): Endpoint {
  const place = broker.endpoints.get(protocol);
  if (place === undefined)
    throw new BridgeError('configuration-invalid', `broker ${broker.name} has no ${protocol} endpoint`);
  return {
    broker: broker.name,
    brokerType: broker.type,
    protocol,
    ...place,
    ...(protocol === 'mqtt' ? { mqttVersion: broker.mqttVersion } : {}),
    ...(broker.username === undefined ? {} : { username: broker.username }),
    ...(broker.password === undefined ? {} : { password: broker.password }),
    ...identity,
    connectTimeout: CONNECT_TIMEOUT,
    idleTimeout: IDLE_TIMEOUT,
  };
}

function disabledStatus({ name }: RouteConfig): RouteStatus {
  return {
    name,
    state: 'disabled',
    received: 0,
    delivered: 0,
    filtered: 0,
    duplicates: 0,
    lost: 0,
    retried: 0,
    deadLettered: 0,
    inFlight: 0,
  };
}

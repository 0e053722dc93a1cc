import { laneClientId, sourceClientId } from './config/client-ids.js';
import type { BrokerConfig, Config, RouteConfig } from './config/config.js';
import { deadLetterPlace } from './config/dead-letter-place.js';
import { connectAmqp } from './connectors/amqp/connect.js';
import type { Connect, Endpoint, Protocol } from './connectors/connector.js';
import { connectMqtt } from './connectors/mqtt/connect.js';
import { connectStomp } from './connectors/stomp/connect.js';
import { BridgeError } from './errors.js';
import { Flow, type FlowRoute } from './flow/flow.js';
import { Lanes } from './flow/lanes.js';
import type { Log } from './observability/log.js';
import type { BridgeStatus, RouteStatus } from './status.js';

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
  /** Takes nothing more, settles what is in flight for at most `deadline` ms, closes every connection. */
  stop(deadline: number): Promise<void>;
  status(): BridgeStatus;
}

/** Wires a Config to connectors and flows. The only part that knows everything. */
export function createBridge(config: Config, log: Log): Bridge {
  const startedAt = new Date().toISOString();
  const enabled = config.routes.filter((route) => route.enabled);
  const flows = [...groupBySession(enabled)].map(([name, routes]) => createFlow(name, routes, config, log));
  const disabled: RouteStatus[] = config.routes.filter((route) => !route.enabled).map(disabledStatus);
  let state: BridgeStatus['state'] = 'starting';

  return {
    start() {
      for (const flow of flows) flow.start();
    },
    async stop(deadline) {
      state = 'draining';
      await Promise.all(flows.map((flow) => flow.stop(deadline)));
      state = 'stopped';
    },
    status() {
      const connections = flows.flatMap((flow) => flow.connections());
      const ready = connections.every((connection) => connection.state === 'up');
      if (state === 'starting' && ready) state = 'running';
      return {
        ready: ready && state === 'running',
        state,
        startedAt,
        connections,
        routes: [...flows.flatMap((flow) => flow.routes()), ...disabled],
      };
    },
  };
}

/** Routes that name the same `connection` share one source session; every other route has its own. */
function groupBySession(routes: readonly RouteConfig[]): Map<string, [RouteConfig, ...RouteConfig[]]> {
  const groups = new Map<string, [RouteConfig, ...RouteConfig[]]>();
  for (const route of routes) {
    const name = route.from.connection ?? route.name;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [route]);
    else group.push(route);
  }
  return groups;
}

function createFlow(
  name: string,
  routes: readonly [RouteConfig, ...RouteConfig[]],
  config: Config,
  log: Log,
): Flow {
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
          clientId: laneClientId(target.clientId, name, via, index + 1),
          cleanSession: true,
        }),
      ),
      connect: CONNECT[via],
      window: LANE_WINDOW,
      retry: routes[0].retry,
      onOpen: () => flow.laneOpened(),
      log,
    });
    pool.set(key, lanes);
    return lanes;
  };
  const flowRoutes = routes.map((route) => ({
    config: route,
    to: route.to.map((to) => ({ config: to, lanes: lanesFor(to) })),
  }));
  // After every destination has its lanes, so that dead letters share them where they can.
  const withDeadLetters = flowRoutes.map((route): FlowRoute => {
    const place = deadLetterPlace(route.config, config.brokers);
    return { ...route, deadLetter: { address: place.address, lanes: lanesFor(place, 1) } };
  });
  const [first, ...rest] = withDeadLetters;
  if (first === undefined) throw new RangeError('a flow needs at least one route');

  const { from } = routes[0];
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
    log,
  });
  return flow;
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
    ...(broker.username === undefined ? {} : { username: broker.username }),
    ...(broker.password === undefined ? {} : { password: broker.password }),
    ...identity,
    connectTimeout: CONNECT_TIMEOUT,
    idleTimeout: IDLE_TIMEOUT,
  };
}

function brokerNamed(config: Config, name: string): BrokerConfig {
  const broker = config.brokers.get(name);
  if (broker === undefined)
    throw new BridgeError('configuration-invalid', `there is no broker named ${name}`);
  return broker;
}

function disabledStatus({ name }: RouteConfig): RouteStatus {
  return {
    name,
    state: 'disabled',
    received: 0,
    delivered: 0,
    filtered: 0,
    retried: 0,
    deadLettered: 0,
    inFlight: 0,
  };
}

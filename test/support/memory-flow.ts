import type { RouteConfig } from '../../bridge/config/config.js';
import type { Endpoint } from '../../bridge/connectors/connector.js';
import type { MemoryBroker } from '../../bridge/connectors/memory/memory-broker.js';
import { Flow, type FlowOptions, type FlowRoute } from '../../bridge/flow/flow.js';
import { Lanes } from '../../bridge/flow/lanes.js';
import { plannerOf } from '../../bridge/flow/plan.js';
import type { Address } from '../../bridge/message/address.js';
import type { Message } from '../../bridge/message/message.js';
import { silentLog } from '../../bridge/observability/log.js';
import { destinationName } from '../../bridge/sessions.js';
import { eventually } from './eventually.js';

/** Starts a flow of these rules and resolves when all its connections are up; the caller stops it. */
export async function startFlow(
  broker: MemoryBroker,
  rules: RouteConfig[],
  {
    lanes: count = 1,
    tracer,
    ...more
  }: { lanes?: number } & Pick<FlowRoute, 'tracer'> & Pick<FlowOptions, 'former' | 'idle' | 'echoes'> = {},
): Promise<Flow> {
  const lanes = new Lanes({
    name: 'lanes',
    endpoints: Array.from({ length: count }, (_, index) => endpoint(`lane-${index}`)),
    connect: broker.connect,
    window: 100,
    fullLane: 10,
    retry: { initial: 2, max: 10, attempts: rules[0]?.retry.attempts ?? 1 },
    atMostOnce: rules[0]?.delivery === 'at-most-once',
    hold: () => flow.clientIdConflict('mqtt'),
    onOpen: () => flow.laneOpened(),
    log: silentLog,
  });
  const [first, ...rest] = rules.map(
    (config): FlowRoute => ({
      config,
      plan: plannerOf(config),
      to: config.to.map(() => lanes),
      destinations: config.to.map(destinationName),
      deadLetter: { address: { kind: 'queue', name: config.deadLetter }, lanes },
      ...(tracer === undefined ? {} : { tracer }),
    }),
  );
  if (first === undefined) throw new Error('a flow needs a route');
  const flow: Flow = new Flow({
    name: 'flow',
    routes: [first, ...rest],
    endpoint: endpoint('source'),
    connect: broker.connect,
    lanes: [lanes],
    ...more,
    log: silentLog,
  });
  flow.start();
  await eventually(() => flow.connections().every(({ state }) => state === 'up'));
  return flow;
}

function endpoint(clientId: string): Endpoint {
  return {
    broker: 'b',
    brokerType: 'activemq',
    protocol: 'mqtt',
    host: 'memory',
    port: 0,
    clientId,
    cleanSession: false,
    connectTimeout: 1_000,
    idleTimeout: 1_000,
  };
}

/** A chat message as MQTT brings it. */
export function chat(room: string, body: unknown): Message {
  return {
    address: { kind: 'mqtt', name: `chat/${room}/messages` },
    body: Buffer.from(JSON.stringify(body)),
    properties: new Map(),
    persistent: true,
    qos: 1,
    retained: false,
  };
}

/** Everything that arrives there from now on, accepted at once. */
export async function subscribe(broker: MemoryBroker, address: Address): Promise<Message[]> {
  const got: Message[] = [];
  const connection = await broker.connect(
    endpoint(`reader-of-${address.name}`),
    new AbortController().signal,
  );
  const levels = address.name.split('.').map((literal) => ({ literal }));
  if (address.kind === 'mqtt') throw new Error('the readers here are JMS');
  const source = await connection.source(
    { kind: address.kind, pattern: { kind: address.kind, levels }, window: 1_000 },
    (delivery) => {
      got.push(delivery.message);
      delivery.settle('accepted');
    },
  );
  source.grant(10_000);
  return got;
}

import type { ErrorCode } from '../errors.js';
import type {
  BridgeStatus,
  CanaryStatus,
  ConnectionName,
  ConnectionStatus,
  Measurements,
  RouteStatus,
} from '../status.js';
import type { Metric, Sample } from './exposition.js';

/**
 * What the bridge tells Prometheus of its own work. Names and units follow https://prometheus.io/docs/practices/naming/. Label values
 * come from the mapping file and from the closed list of error codes, never from a message.
 */

/** What there is to tell at one moment. */
export interface Observed {
  readonly status: BridgeStatus;
  readonly measurements: Measurements;
}

export interface BridgeMetric extends Metric {
  readonly samples: (observed: Observed) => readonly Sample[];
}

/**
 * What a message can become a dead letter for. Each has a series from the start: to Prometheus a series that begins with 1 has not
 * grown, so an alert would miss the first one.
 */
const DEAD_LETTER_REASONS = [
  'destination-refused',
  'limit-exceeded',
  'loop-detected',
  'mapping-failed',
  'message-refused',
  'no-request',
  'unsupported-body',
] as const satisfies readonly ErrorCode[];

/** What is disabled or stands by does nothing, and is not to look like something that is held up. */
const enabled = ({ status }: Observed) =>
  status.state === 'standby' ? [] : status.routes.filter(({ state }) => state !== 'disabled');

const ofRoutes =
  (value: (route: RouteStatus) => number): BridgeMetric['samples'] =>
  (observed) =>
    enabled(observed).map((route) => ({ labels: { route: route.name }, value: value(route) }));

const ofConnections =
  (value: (connection: ConnectionStatus) => number): BridgeMetric['samples'] =>
  ({ status }) =>
    status.connections.map((connection) => ({
      labels: connectionLabels(connection),
      value: value(connection),
    }));

/** Undefined: there is nothing to tell of it yet. */
const ofCanaries =
  (value: (canary: CanaryStatus) => number | undefined): BridgeMetric['samples'] =>
  ({ status }) =>
    (status.canaries ?? []).flatMap((canary) => {
      const { broker, protocol } = canary;
      const known = value(canary);
      return known === undefined ? [] : [{ labels: { broker, protocol }, value: known }];
    });

const connectionLabels = ({ name, broker, protocol }: ConnectionName): Sample['labels'] => ({
  connection: name,
  broker,
  protocol,
});

const messages = (what: string, help: string, value: (route: RouteStatus) => number): BridgeMetric => ({
  name: `activemq_bridge_messages_${what}_total`,
  type: 'counter',
  help,
  samples: ofRoutes(value),
});

export const BRIDGE_METRICS: readonly BridgeMetric[] = [
  {
    name: 'activemq_bridge_ready',
    type: 'gauge',
    help: '1 while a message sent now would be carried, as /health/ready tells.',
    samples: ({ status }) => [{ labels: {}, value: Number(status.ready) }],
  },
  {
    name: 'activemq_bridge_standby',
    type: 'gauge',
    help: '1 while the bridge stands by and another one with the same rules may work; its routes have no series then.',
    samples: ({ status }) => [{ labels: {}, value: Number(status.state === 'standby') }],
  },
  {
    name: 'activemq_bridge_last_reload_successful',
    type: 'gauge',
    help: '0 while the bridge follows older rules than the mapping file has, because the file was found broken.',
    samples: ({ status }) => [{ labels: {}, value: Number(status.lastReload?.ok ?? true) }],
  },
  messages('received', 'Messages that the route got from its source.', ({ received }) => received),
  messages('delivered', 'Messages that every destination has.', ({ delivered }) => delivered),
  messages('filtered', 'Messages not taken by `where`.', ({ filtered }) => filtered),
  messages('duplicate', 'Messages left out by `dedupe`.', ({ duplicates }) => duplicates),
  messages('retried', 'Sends made again.', ({ retried }) => retried),
  messages(
    'expired',
    'Sends left out because the time to live of the message was over.',
    ({ expired }) => expired,
  ),
  messages(
    'lost',
    'Messages accepted at the source and then not delivered; only with `delivery: at-most-once`.',
    ({ lost }) => lost,
  ),
  {
    name: 'activemq_bridge_messages_dead_lettered_total',
    type: 'counter',
    help: 'Dead letters, by the code of the reason.',
    samples: (observed) => enabled(observed).flatMap(deadLetters),
  },
  {
    name: 'activemq_bridge_messages_in_flight',
    type: 'gauge',
    help: 'Messages taken from the source and not yet settled.',
    samples: ofRoutes(({ inFlight }) => inFlight),
  },
  {
    name: 'activemq_bridge_oldest_in_flight_seconds',
    type: 'gauge',
    help: 'How long the oldest message in flight is being sent; 0 without one.',
    samples: ofRoutes(({ oldestInFlightSeconds }) => oldestInFlightSeconds),
  },
  {
    name: 'activemq_bridge_route_running',
    type: 'gauge',
    help: '1 while the route carries messages, 0 while it waits. Disabled routes have no series.',
    samples: ofRoutes(({ state }) => Number(state === 'running')),
  },
  {
    name: 'activemq_bridge_delivery_seconds',
    type: 'histogram',
    help: 'Of each delivered message, from when the route got it to the confirm of its last destination.',
    samples: ({ measurements }) =>
      measurements.deliveries.map(({ route, seconds }) => ({ labels: { route }, value: seconds })),
  },
  {
    name: 'activemq_bridge_connection_up',
    type: 'gauge',
    help: '1 while the connection is up.',
    samples: ofConnections(({ state }) => Number(state === 'up')),
  },
  {
    name: 'activemq_bridge_reconnects_total',
    type: 'counter',
    help: 'How often the connection came up again.',
    samples: ofConnections(({ reconnects }) => reconnects),
  },
  {
    name: 'activemq_bridge_source_credit',
    type: 'gauge',
    help: 'How many more messages the source may hand over now.',
    samples: ({ measurements }) =>
      measurements.credits.map((source) => ({ labels: connectionLabels(source), value: source.credit })),
  },
  {
    name: 'activemq_bridge_batch_messages',
    type: 'histogram',
    help: 'Messages that the broker confirmed together, in one transaction; only over STOMP.',
    samples: ({ measurements }) =>
      measurements.batches.map((sink) => ({ labels: connectionLabels(sink), value: sink.messages })),
  },
  {
    name: 'activemq_bridge_canary_round_trip_seconds',
    type: 'gauge',
    help: 'Of the last canary that came back.',
    samples: ofCanaries(({ roundTripMs }) => (roundTripMs === undefined ? undefined : roundTripMs / 1000)),
  },
  {
    name: 'activemq_bridge_canary_late',
    type: 'gauge',
    help: '1 while none has come back for three times the time between two.',
    samples: ofCanaries(({ state }) => Number(state === 'late')),
  },
];

function deadLetters({ name, deadLetterReasons }: RouteStatus): Sample[] {
  const counts = new Map<string, number>(DEAD_LETTER_REASONS.map((reason) => [reason, 0]));
  for (const [reason, count] of Object.entries(deadLetterReasons)) counts.set(reason, count);
  return [...counts].map(([reason, value]) => ({ labels: { route: name, reason }, value }));
}

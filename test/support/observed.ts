import { RouteRecord } from '../../bridge/flow/route-record.js';
import { Histogram } from '../../bridge/observability/histogram.js';
import type { BridgeStatus, Measurements, RouteStatus } from '../../bridge/status.js';

/** A bridge of which each metric has something to tell. */

export const QUIET: RouteStatus = { name: 'quiet', state: 'running', ...new RouteRecord().status() };

export const BUSY: RouteStatus = {
  name: 'busy',
  state: 'waiting',
  received: 40,
  delivered: 20,
  filtered: 8,
  duplicates: 7,
  lost: 6,
  expired: 5,
  retried: 4,
  deadLettered: 3,
  deadLetterReasons: { 'message-refused': 2, 'mapping-failed': 1 },
  inFlight: 2,
  oldestInFlightSeconds: 12,
};

export const MQTT = { name: 'busy from activemq over mqtt', broker: 'activemq', protocol: 'mqtt' } as const;
export const STOMP = { name: 'busy to activemq over stomp', broker: 'activemq', protocol: 'stomp' } as const;

function histogramOf(bounds: readonly number[], values: readonly number[]) {
  const histogram = new Histogram(bounds);
  for (const value of values) histogram.observe(value);
  return histogram.read();
}

export const STATUS: BridgeStatus = {
  ready: false,
  state: 'running',
  startedAt: '2026-01-01T00:00:00.000Z',
  connections: [
    { ...MQTT, state: 'up', since: '2026-01-01T00:00:01.000Z', attempts: 0, reconnects: 3 },
    { ...STOMP, state: 'waiting', since: '2026-01-01T00:00:01.000Z', attempts: 2, reconnects: 0 },
  ],
  routes: [QUIET, BUSY],
  canaries: [
    { broker: 'activemq', protocol: 'stomp', address: 'queue c', state: 'late', roundTripMs: 1250 },
    { broker: 'activemq', protocol: 'mqtt', address: 'mqtt c', state: 'starting' },
  ],
};

export const MEASUREMENTS: Measurements = {
  deliveries: [{ route: 'busy', seconds: histogramOf([0.1, 1], [0.05, 0.5, 7]) }],
  batches: [{ ...STOMP, messages: histogramOf([1, 10], [1, 4, 4]) }],
  credits: [{ ...MQTT, credit: 17 }],
};

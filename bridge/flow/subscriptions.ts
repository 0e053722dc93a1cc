import type { MqttSubscription, SourceSpec } from '../connectors/connector.js';
import type { Qos } from '../message/message.js';
import { coverPatterns } from '../routing/cover.js';
import type { RouteWorker } from './route-worker.js';

/**
 * What the routes of one session subscribe to: over MQTT what all of them need together, because a message does not tell which
 * filter it came by; over JMS a session has one route.
 */
export function sourceSpecOf(workers: readonly [RouteWorker, ...RouteWorker[]], window: number): SourceSpec {
  const { kind, pattern, selector, durable } = workers[0].route.config.from;
  if (kind === 'mqtt') return { kind, subscriptions: mqttSubscriptions(workers) };
  return {
    kind,
    pattern,
    window,
    ...(selector === undefined ? {} : { selector }),
    ...(durable === undefined ? {} : { durable }),
  };
}

function mqttSubscriptions(workers: readonly [RouteWorker, ...RouteWorker[]]): MqttSubscription[] {
  // Routes of one session are all of one group or of none.
  const { share } = workers[0].route.config.from;
  const wanted = workers.map(({ route: { config } }) => ({
    pattern: config.from.pattern,
    extra: config.from.qos,
  }));
  return coverPatterns(wanted, (a, b): Qos => Math.max(a, b) as Qos).map(({ pattern, extra }) => ({
    pattern,
    qos: extra,
    ...(share === undefined ? {} : { share }),
  }));
}

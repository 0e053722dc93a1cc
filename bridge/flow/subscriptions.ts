import type { FromConfig } from '../config/config.js';
import type { MqttSubscription, SourceSpec } from '../connectors/connector.js';
import type { Qos } from '../message/message.js';
import { coverPatterns } from '../routing/cover.js';
import type { RouteWorker } from './route-worker.js';

/**
 * The subscriptions that the routes of one session need, and who reads each one: over MQTT one source for all,
 * because a message does not tell which filter it came by; over JMS one for each different `from`. `former`: what the session
 * may still be subscribed to over MQTT.
 */
export function subscriptionsFor(
  workers: readonly [RouteWorker, ...RouteWorker[]],
  window: number,
  former: readonly MqttSubscription[] = [],
): readonly { readonly spec: SourceSpec; readonly readers: readonly RouteWorker[] }[] {
  if (workers[0].route.config.from.kind === 'mqtt')
    return [{ spec: { kind: 'mqtt', subscriptions: mqttSubscriptions(workers), former }, readers: workers }];
  const groups = new Map<string, RouteWorker[]>();
  for (const worker of workers) {
    const { kind, pattern, selector, durable } = worker.route.config.from;
    const key = JSON.stringify([kind, pattern.levels, selector, durable]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [worker]);
    else group.push(worker);
  }
  return [...groups.values()].map((group) => ({
    spec: jmsSpec(group[0]?.route.config.from, window),
    readers: group,
  }));
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

function jmsSpec(from: FromConfig | undefined, window: number): SourceSpec {
  if (from === undefined || from.kind === 'mqtt')
    throw new TypeError('a JMS subscription needs a queue or a topic');
  const { kind, pattern, selector, durable } = from;
  return {
    kind,
    pattern,
    window,
    ...(selector === undefined ? {} : { selector }),
    ...(durable === undefined ? {} : { durable }),
  };
}

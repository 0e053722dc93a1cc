import type { FromConfig } from '../config/config.js';
import type { MqttSubscription, SourceSpec } from '../connectors/connector.js';
import type { Qos } from '../message/message.js';
import { coverPatterns } from '../routing/cover.js';
import type { FlowRoute } from './flow.js';

/**
 * The subscriptions that the routes of one session need, and the routes each one feeds: over MQTT one source for all,
 * because a message does not tell which filter it came by; over JMS one for each different `from`.
 */
export function subscriptionsFor(
  routes: readonly [FlowRoute, ...FlowRoute[]],
  window: number,
): readonly { readonly spec: SourceSpec; readonly routes: readonly FlowRoute[] }[] {
  if (routes[0].config.from.kind === 'mqtt')
    return [{ spec: { kind: 'mqtt', subscriptions: mqttSubscriptions(routes) }, routes }];
  const groups = new Map<string, FlowRoute[]>();
  for (const route of routes) {
    const { kind, pattern, selector, durable } = route.config.from;
    const key = JSON.stringify([kind, pattern.levels, selector, durable]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [route]);
    else group.push(route);
  }
  return [...groups.values()].map((group) => ({
    spec: jmsSpec(group[0]?.config.from, window),
    routes: group,
  }));
}

function mqttSubscriptions(routes: readonly [FlowRoute, ...FlowRoute[]]): MqttSubscription[] {
  // Routes of one session are all of one group or of none.
  const { share } = routes[0].config.from;
  const wanted = routes.map(({ config }) => ({ pattern: config.from.pattern, extra: config.from.qos }));
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

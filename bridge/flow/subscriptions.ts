import type { FromConfig } from '../config/config.js';
import type { BrokerType, MqttSubscription, SourceSpec } from '../connectors/connector.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import type { Message, Qos } from '../message/message.js';
import { coverPatterns } from '../routing/cover.js';
import type { RouteWorker } from './route-worker.js';

/**
 * What the routes of one session subscribe to: over MQTT what all of them need together, because a message does not tell which
 * filter it came by; over JMS a session has one route.
 */
export function sourceSpecOf(workers: readonly [RouteWorker, ...RouteWorker[]], window: number): SourceSpec {
  const { kind, via, pattern, selector, durable } = workers[0].route.config.from;
  if (kind === 'mqtt' && via === 'mqtt') return { kind, subscriptions: mqttSubscriptions(workers) };
  const jmsKind = kind === 'mqtt' ? 'topic' : kind;
  return {
    kind: jmsKind,
    pattern: { kind: jmsKind, levels: pattern.levels },
    window,
    ...(selector === undefined ? {} : { selector }),
    ...(durable === undefined ? {} : { durable }),
  };
}

/** How the routes see what comes by such a subscription: what an MQTT topic brings is MQTT's, whatever it was read over. */
export function viewOf(
  { kind, via }: Pick<FromConfig, 'kind' | 'via'>,
  type: BrokerType,
): (message: Message) => Message {
  const { readAsJms } = flavourOf(type).mqtt;
  if (kind !== 'mqtt' || via === 'mqtt' || readAsJms === undefined) return (message) => message;
  // What else a JMS program may have said (its reply address, its priority) no MQTT client would see.
  return ({ address, body, properties, persistent, retained, id, timestamp, ttl }) => ({
    address: { kind, name: readAsJms.topicOf(address.name) },
    body: typeof body === 'string' ? Buffer.from(body) : body,
    properties,
    persistent,
    retained,
    qos: persistent ? 1 : 0,
    ...(id === undefined ? {} : { id }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(ttl === undefined ? {} : { ttl }),
  });
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

import type { BrokerConfig, Config, RouteConfig, ToConfig } from './config/config.js';
import { connectAmqp } from './connectors/amqp/connect.js';
import type { Connect, Endpoint, Protocol } from './connectors/connector.js';
import { flavourOf } from './connectors/flavours/flavour.js';
import { connectMqtt } from './connectors/mqtt/connect.js';
import { connectStomp } from './connectors/stomp/connect.js';
import { BridgeError } from './errors.js';
import type { Address } from './message/address.js';
import { brokerNamed } from './sessions.js';

/** How the brokers of a Config are reached. */

/** Milliseconds for one attempt to connect. */
const CONNECT_TIMEOUT = 10_000;
/** Milliseconds of silence after which a peer counts as gone. */
const IDLE_TIMEOUT = 15_000;
/** The connector of each protocol. */
export const CONNECT: Readonly<Record<Protocol, Connect>> = {
  mqtt: connectMqtt,
  amqp: connectAmqp,
  stomp: connectStomp,
};

/**
 * Where a route's dead letters go: the first broker of the route that has queues, over the protocol that the rule already
 * uses there; else a topic on the first plain MQTT broker.
 */
export function deadLetterPlace(
  route: RouteConfig,
  outputs: readonly Pick<ToConfig, 'broker' | 'via'>[],
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

/** @throws BridgeError configuration-invalid when the broker does not offer the protocol */
export function endpointOf(
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

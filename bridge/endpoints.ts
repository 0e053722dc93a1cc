import type { BrokerConfig } from './config/config.js';
import { connectAmqp } from './connectors/amqp/connect.js';
import type { Connect, Connection, Endpoint, Protocol } from './connectors/connector.js';
import { connectMqtt } from './connectors/mqtt/connect.js';
import { connectStomp } from './connectors/stomp/connect.js';
import { BridgeError } from './errors.js';

/** How a broker of a Config is reached. */

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

/** One connection to the first of the broker's addresses that answers. @throws BridgeError as the connectors do, of the last one */
export async function connectOnce(endpoint: Endpoint, stop: AbortSignal): Promise<Connection> {
  const { others = [], ...first } = endpoint;
  const connect = CONNECT[endpoint.protocol];
  let failure: unknown;
  for (const place of [first, ...others.map((other) => ({ ...first, ...other }))])
    try {
      return await connect(place, stop);
    } catch (error) {
      failure = error;
    }
  throw failure;
}

/** @throws BridgeError configuration-invalid when the broker does not offer the protocol */
export function endpointOf(
  broker: BrokerConfig,
  protocol: Protocol,
  identity: Pick<Endpoint, 'clientId' | 'cleanSession'>,
): Endpoint {
  const [place, ...others] = broker.endpoints.get(protocol) ?? [];
  if (place === undefined)
    throw new BridgeError('configuration-invalid', `broker ${broker.name} has no ${protocol} endpoint`);
  return {
    broker: broker.name,
    brokerType: broker.type,
    protocol,
    ...place,
    ...(others.length === 0 ? {} : { others }),
    ...(protocol === 'mqtt' ? { mqttVersion: broker.mqttVersion } : {}),
    ...(broker.username === undefined ? {} : { username: broker.username }),
    ...(broker.password === undefined ? {} : { password: broker.password }),
    ...identity,
    connectTimeout: CONNECT_TIMEOUT,
    idleTimeout: IDLE_TIMEOUT,
  };
}

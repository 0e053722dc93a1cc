import type { Protocol } from '../connectors/connector.js';
import type { BrokerConfig } from './config.js';

/** The queue in which bridges with the same rules agree on the one that works. */
export const lockQueue = (clientId: string): string => `bridge.lock.${clientId}`;

/** What the lock goes over, of the protocols that JMS queues are reached by. */
export const LOCK_PROTOCOLS: readonly Protocol[] = ['amqp', 'stomp'];

/** The first of them that this broker is reached by. */
export const lockProtocol = (broker: Pick<BrokerConfig, 'endpoints'>): Protocol | undefined =>
  LOCK_PROTOCOLS.find((protocol) => broker.endpoints.has(protocol));

import { connectAmqp } from '../bridge/connectors/amqp/connect.js';
import type { Connection } from '../bridge/connectors/connector.js';
import { connectStomp } from '../bridge/connectors/stomp/connect.js';
import { endpointOf } from '../test/contract/brokers-under-test.js';
import type { TestBroker } from '../test/support/brokers.js';

/** The way of JMS on which the broker takes most: over STOMP Classic syncs its journal once a transaction, over AMQP once a message. */
export function connectJms(broker: TestBroker, clientId: string): Promise<Connection> {
  const [protocol, connect] =
    broker.type === 'activemq' ? (['stomp', connectStomp] as const) : (['amqp', connectAmqp] as const);
  return connect({ ...endpointOf(broker, protocol), clientId }, new AbortController().signal);
}

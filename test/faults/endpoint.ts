import type { Endpoint, Protocol } from '../../bridge/connectors/connector.js';
import { Secret } from '../../bridge/secret.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import type { TestBroker } from '../support/brokers.js';

/** How another account than the bridge's reaches a test broker: what is done to the bridge's does not touch it. */
export function endpointAs(broker: TestBroker, protocol: Protocol, account: 'ann' | 'bob'): Endpoint {
  const { username, password } = broker.accounts[account];
  return { ...endpointOf(broker, protocol), username, password: new Secret(password) };
}

import type { Connect, Endpoint, Protocol } from '../../bridge/connectors/connector.js';
import { Secret } from '../../bridge/secret.js';
import type { TestBroker } from '../support/brokers.js';
import { type Capabilities, describeConnector } from './suite.js';

/** Runs the contract suite for one connector against a broker that it starts and stops. */
export function describeAgainst(
  name: string,
  start: () => Promise<TestBroker>,
  { protocol, connect, capabilities }: { protocol: Protocol; connect: Connect; capabilities: Capabilities },
): void {
  describeConnector({
    name,
    connect,
    capabilities,
    start: async () => {
      const broker = await start();
      return { endpoint: endpointOf(broker, protocol), stop: () => broker.stop() };
    },
  });
}

/** How the bridge's own account reaches a test broker. */
export function endpointOf(broker: TestBroker, protocol: Protocol): Endpoint {
  const port = broker.ports[protocol];
  if (port === undefined) throw new Error(`this broker has no ${protocol} port`);
  const { username, password } = broker.accounts.bridge;
  return {
    broker: 'under-test',
    brokerType: broker.type,
    protocol,
    host: broker.host,
    port,
    username,
    password: new Secret(password),
    clientId: 'replaced-by-the-suite',
    cleanSession: false,
    connectTimeout: 10_000,
    idleTimeout: 15_000,
  };
}

import type { Connect, Endpoint, MqttVersion, Protocol } from '../../bridge/connectors/connector.js';
import { Secret } from '../../bridge/secret.js';
import type { TestBroker } from '../support/brokers.js';
import { type Capabilities, describeConnector } from './suite.js';

/** Runs the contract suite for one connector against a broker that it starts and stops. */
export function describeAgainst(
  name: string,
  start: () => Promise<TestBroker>,
  {
    protocol,
    mqttVersion,
    connect,
    capabilities,
  }: { protocol: Protocol; mqttVersion?: MqttVersion; connect: Connect; capabilities: Capabilities },
): void {
  describeConnector({
    name,
    connect,
    capabilities,
    start: async () => {
      const broker = await start();
      const version = mqttVersion === undefined ? {} : { mqttVersion };
      return { endpoint: { ...endpointOf(broker, protocol), ...version }, stop: () => broker.stop() };
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
    connectTimeout: 30_000,
    idleTimeout: 15_000,
  };
}

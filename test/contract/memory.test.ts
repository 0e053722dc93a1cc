import { MemoryBroker } from '../../bridge/connectors/memory/memory-broker.js';
import { describeConnector } from './suite.js';

for (const kind of ['mqtt', 'queue'] as const) {
  const broker = new MemoryBroker();
  describeConnector({
    name: `memory, ${kind}`,
    capabilities: {
      kind,
      properties: 'typed',
      bodyTypes: true,
      marksRedelivery: true,
      releasesOne: true,
      passwords: false,
    },
    connect: broker.connect,
    start: async () => ({
      endpoint: {
        broker: 'memory',
        brokerType: 'activemq',
        protocol: 'mqtt',
        host: 'memory',
        port: 0,
        clientId: 'replaced',
        cleanSession: false,
        connectTimeout: 1_000,
        idleTimeout: 1_000,
      },
      stop: async () => broker.dropConnections(),
    }),
  });
}

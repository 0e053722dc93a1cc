import { join } from 'node:path';
import { readAccounts } from '../../../bridge/launch/accounts.js';
import { fetchActiveMq, startActiveMq } from '../../../bridge/launch/activemq.js';
import { findCheckout } from '../../../bridge/launch/checkout.js';
import type { Account, TestBroker } from '../brokers.js';
import { freePorts } from './ports.js';
import { brokerFolder, testBroker } from './test-broker.js';

/** ActiveMQ Classic as users get it: the same jars, configuration and code that `up` starts. */
export async function startClassicBroker(): Promise<TestBroker> {
  const { broker: confDir, cache } = findCheckout();
  const libDir = await fetchActiveMq({ cacheDir: cache, say: console.log });
  const [mqtt = 0, amqp = 0, stomp = 0, openwire = 0, ws = 0] = await freePorts(5);
  const ports = { mqtt, amqp, stomp, openwire, ws };
  const dataDir = await brokerFolder('classic');
  const known = await readAccounts(join(confDir, 'users.properties'));
  const account = (username: string): Account => {
    const found = known.find((candidate) => candidate.username === username);
    if (found === undefined) throw new Error(`broker/users.properties has no account ${username}`);
    return found;
  };
  const accounts = { bridge: account('bridge'), ann: account('ann'), bob: account('bob') };
  return testBroker({ type: 'activemq', ports, accounts }, dataDir, () =>
    startActiveMq({ libDir, confDir, dataDir, ports, heap: 384, say: () => {} }),
  );
}

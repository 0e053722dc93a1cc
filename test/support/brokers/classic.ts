import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAccounts } from '../../../bridge/launch/accounts.js';
import { fetchActiveMq, startActiveMq } from '../../../bridge/launch/activemq.js';
import { findCheckout } from '../../../bridge/launch/checkout.js';
import type { Account, BrokerOptions, TestBroker } from '../brokers.js';
import { freePorts } from './ports.js';
import { brokerFolder, replacePassword, testBroker } from './test-broker.js';

/** ActiveMQ Classic as users get it: the same jars, configuration and code that `up` starts. */
export async function startClassicBroker(options: BrokerOptions): Promise<TestBroker> {
  const { broker: shipped, cache } = findCheckout();
  const libDir = await fetchActiveMq({ cacheDir: cache, say: console.log });
  const [mqtt = 0, amqp = 0, stomp = 0, openwire = 0, ws = 0] = await freePorts(5);
  const ports = { mqtt, amqp, stomp, openwire, ws };
  const dataDir = await brokerFolder('classic');
  const confDir = await copyOf(shipped, dataDir, options);
  const known = await readAccounts(join(confDir, 'users.properties'));
  const account = (username: string): Account => {
    const found = known.find((candidate) => candidate.username === username);
    if (found === undefined) throw new Error(`broker/users.properties has no account ${username}`);
    return found;
  };
  const accounts = { bridge: account('bridge'), ann: account('ann'), bob: account('bob') };
  return testBroker(
    { type: 'activemq', ports, accounts },
    dataDir,
    () => startActiveMq({ libDir, confDir, dataDir, ports, heap: 384 }),
    (username, password) => replacePassword(join(confDir, 'users.properties'), username, password),
  );
}

/** The shipped configuration in a folder of its own. */
async function copyOf(
  shipped: string,
  dataDir: string,
  { writable, edit = (xml) => xml }: BrokerOptions,
): Promise<string> {
  const folder = join(dataDir, 'conf');
  await cp(shipped, folder, { recursive: true });
  const file = join(folder, 'activemq.xml');
  const xml = await readFile(file, 'utf8');
  await writeFile(file, edit(writable === undefined ? xml : restricted(xml, writable)));
  return folder;
}

/** Only destinations with this first level may be written. */
function restricted(xml: string, writable: string): string {
  const entry = (kind: string, name: string, write: string) =>
    `<authorizationEntry ${kind}="${name}" read="services,members" write="${write}" admin="services,members"/>`;
  // The entries that match a name add up.
  const entries = ['queue', 'topic'].flatMap((kind) => [
    entry(kind, '>', 'nobody'),
    entry(kind, `${writable}.>`, 'services,members'),
    entry(kind, 'ActiveMQ.Advisory.>', 'services,members'),
  ]);
  const plugin = `<authorizationPlugin><map><authorizationMap><authorizationEntries>${entries.join('')}</authorizationEntries></authorizationMap></map></authorizationPlugin>`;
  return xml.replace('</plugins>', `${plugin}</plugins>`);
}

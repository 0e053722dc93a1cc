import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAccounts } from '../../../bridge/launch/accounts.js';
import { fetchActiveMq, startActiveMq } from '../../../bridge/launch/activemq.js';
import { findCheckout } from '../../../bridge/launch/checkout.js';
import type { Account, ClassicOptions, TestBroker } from '../brokers.js';
import { freePorts } from './ports.js';
import { brokerFolder, testBroker } from './test-broker.js';

/** ActiveMQ Classic as users get it: the same jars, configuration and code that `up` starts, but for who may do what. */
export async function startClassicBroker({ writable, permissions }: ClassicOptions): Promise<TestBroker> {
  const { broker: shipped, cache } = findCheckout();
  const libDir = await fetchActiveMq({ cacheDir: cache, say: console.log });
  const [mqtt = 0, amqp = 0, stomp = 0, openwire = 0, ws = 0] = await freePorts(5);
  const ports = { mqtt, amqp, stomp, openwire, ws };
  const dataDir = await brokerFolder('classic');
  const confDir =
    permissions === 'shipped' ? shipped : await copyWith(permissive(writable), shipped, dataDir);
  const known = await readAccounts(join(confDir, 'users.properties'));
  const account = (username: string): Account => {
    const found = known.find((candidate) => candidate.username === username);
    if (found === undefined) throw new Error(`broker/users.properties has no account ${username}`);
    return found;
  };
  const accounts = {
    bridge: account('bridge'),
    backend: account('backend'),
    ann: account('ann'),
    bob: account('bob'),
  };
  return testBroker({ type: 'activemq', ports, accounts }, dataDir, () =>
    startActiveMq({ libDir, confDir, dataDir, ports, heap: 384 }),
  );
}

/** The shipped configuration in a folder of its own, with another authorization plugin. */
async function copyWith(plugin: string, shipped: string, dataDir: string): Promise<string> {
  const folder = join(dataDir, 'conf');
  await cp(shipped, folder, { recursive: true });
  const file = join(folder, 'activemq.xml');
  const xml = await readFile(file, 'utf8');
  const changed = xml.replace(/<authorizationPlugin>.*<\/authorizationPlugin>/s, plugin);
  if (changed === xml) throw new Error('broker/activemq.xml has no authorizationPlugin');
  await writeFile(file, changed);
  return folder;
}

/** No plugin at all, or one that lets everybody read everything, and write only destinations with this first level. */
function permissive(writable: string | undefined): string {
  if (writable === undefined) return '';
  const everybody = 'bridges,services,members';
  const entry = (kind: string, name: string, write: string) =>
    `<authorizationEntry ${kind}="${name}" read="${everybody}" write="${write}" admin="${everybody}"/>`;
  // The entries that match a name add up.
  const entries = ['queue', 'topic'].flatMap((kind) => [
    entry(kind, '>', 'nobody'),
    entry(kind, `${writable}.>`, everybody),
    entry(kind, 'ActiveMQ.Advisory.>', everybody),
  ]);
  return `<authorizationPlugin><map><authorizationMap><authorizationEntries>${entries.join('')}</authorizationEntries></authorizationMap></map></authorizationPlugin>`;
}

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAccounts } from '../../../bridge/launch/accounts.js';
import { fetchActiveMq, startActiveMq } from '../../../bridge/launch/activemq.js';
import { findCheckout } from '../../../bridge/launch/checkout.js';
import type { Account, ClassicOptions, TestBroker } from '../brokers.js';
import { SHORT_LIVED } from './jvm.js';
import { freePorts } from './ports.js';
import { brokerFolder, replacePassword, testBroker } from './test-broker.js';

/** ActiveMQ Classic as users get it: the same jars, configuration and code that `up` starts, but for who may do what. */
export async function startClassicBroker({
  permissions,
  transformer,
  edit,
  heap = 384,
  ...rights
}: ClassicOptions): Promise<TestBroker> {
  const { broker: shipped, cache } = findCheckout();
  const libDir = await fetchActiveMq({ cacheDir: cache, say: console.log });
  const [mqtt = 0, amqp = 0, stomp = 0, openwire = 0, ws = 0] = await freePorts(5);
  const ports = { mqtt, amqp, stomp, openwire, ws };
  const dataDir = await brokerFolder('classic');
  const changes = [
    ...(permissions === 'shipped' ? [] : [withPlugin(permissive(rights))]),
    ...(transformer === undefined ? [] : [withTransformer(transformer)]),
    ...(edit === undefined ? [] : [edit]),
  ];
  const confDir = await changedCopy(shipped, dataDir, changes);
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
  return testBroker(
    { type: 'activemq', ports, accounts },
    dataDir,
    () => startActiveMq({ libDir, confDir, dataDir, ports, heap, jvm: SHORT_LIVED }),
    (username, password) => replacePassword(join(confDir, 'users.properties'), username, password),
  );
}

/** A change to the text of activemq.xml. */
type Change = (xml: string) => string;

/** The shipped configuration in a folder of its own, changed. */
async function changedCopy(shipped: string, dataDir: string, changes: readonly Change[]): Promise<string> {
  const folder = join(dataDir, 'conf');
  await cp(shipped, folder, { recursive: true });
  const file = join(folder, 'activemq.xml');
  const xml = await readFile(file, 'utf8');
  await writeFile(
    file,
    changes.reduce((text, change) => change(text), xml),
  );
  return folder;
}

const EVERYBODY = 'bridges,services,members';

/** No plugin at all, or one that lets everybody write only destinations with this first level, and read all or some. */
function permissive({ writable, readable, temporary }: ClassicOptions): string {
  if (writable === undefined) return '';
  const entry = (kind: string, name: string, write: string, read: string) =>
    `<authorizationEntry ${kind}="${name}" read="${read}" write="${write}" admin="${EVERYBODY}"/>`;
  // The entries that match a name add up.
  const entries = ['queue', 'topic'].flatMap((kind) => [
    entry(kind, '>', 'nobody', readable === undefined ? EVERYBODY : 'nobody'),
    entry(kind, `${writable}.>`, EVERYBODY, 'nobody'),
    ...(readable === undefined ? [] : [entry(kind, `${readable}.>`, 'nobody', EVERYBODY)]),
    entry(kind, 'ActiveMQ.Advisory.>', EVERYBODY, EVERYBODY),
  ]);
  const temporaries =
    temporary === undefined
      ? ''
      : `<tempDestinationAuthorizationEntry><tempDestinationAuthorizationEntry read="${temporary}" write="${temporary}" admin="${temporary}"/></tempDestinationAuthorizationEntry>`;
  return `<authorizationPlugin><map><authorizationMap><authorizationEntries>${entries.join('')}</authorizationEntries>${temporaries}</authorizationMap></map></authorizationPlugin>`;
}

/** The shipped configuration with another authorization plugin. */
function withPlugin(plugin: string): Change {
  return (xml) => {
    const changed = xml.replace(/<authorizationPlugin>.*<\/authorizationPlugin>/s, plugin);
    if (changed === xml) throw new Error('broker/activemq.xml has no authorizationPlugin');
    return changed;
  };
}

function withTransformer(name: string): Change {
  return (xml) => xml.replace('transport.transformer=jms&amp;', `transport.transformer=${name}&amp;`);
}

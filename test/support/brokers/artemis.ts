import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findCheckout } from '../../../bridge/launch/checkout.js';
import { fetchWithMaven } from '../../../bridge/launch/maven.js';
import { startServer } from '../../../bridge/launch/server-process.js';
import type { BrokerOptions, TestBroker } from '../brokers.js';
import { SHORT_LIVED } from './jvm.js';
import { freePorts } from './ports.js';
import { accounts, brokerFolder, type Running, replacePassword, testBroker } from './test-broker.js';

const run = promisify(execFile);

const javaArgs = ({ heap = 384 }: BrokerOptions): string =>
  [
    ...[`-Xmx${heap}m`, '-XX:+UseSerialGC', '-Dlog4j2.disableJmx=true'],
    ...['--add-opens', 'java.base/jdk.internal.misc=ALL-UNNAMED'],
    ...SHORT_LIVED,
  ].join(' ');

type Ports = Readonly<Record<'mqtt' | 'amqp' | 'stomp' | 'openwire', number>>;

/** The unpacked archive of ActiveMQ Artemis, fetched if need be. */
export async function fetchArtemis(say: (line: string) => void): Promise<string> {
  const { top, cache } = findCheckout();
  const folder = await fetchWithMaven({
    name: 'ActiveMQ Artemis (for the tests)',
    pom: join(top, 'test', 'support', 'artemis', 'pom.xml'),
    goal: 'unpack',
    checksums: join(top, 'test', 'support', 'artemis', 'files.sha256'),
    cacheDir: cache,
    folder: 'artemis',
    say,
  });
  const home = (await readdir(folder)).find((name) => name.startsWith('apache-artemis-'));
  if (home === undefined) throw new Error(`no Artemis in ${folder}`);
  return join(folder, home);
}

/** ActiveMQ Artemis with the settings that its own `create` makes, but for ports, accounts and memory. */
export async function startArtemisBroker(options: BrokerOptions): Promise<TestBroker> {
  const home = await fetchArtemis(console.log);
  const [mqtt = 0, amqp = 0, stomp = 0, openwire = 0] = await freePorts(4);
  const ports = { mqtt, amqp, stomp, openwire };
  const folder = await brokerFolder('artemis');
  return testBroker(
    { type: 'artemis', ports, accounts },
    folder,
    async () => {
      await createOnce(home, folder, ports, options);
      return startInstance(folder, options);
    },
    (username, password) =>
      replacePassword(join(folder, 'etc', 'artemis-users.properties'), username, password),
  );
}

async function createOnce(home: string, folder: string, ports: Ports, options: BrokerOptions): Promise<void> {
  if ((await readdir(folder)).includes('etc')) return;
  const { username, password } = accounts.bridge;
  const login = ['--user', username, '--password', password, '--require-login', '--role', 'amq'];
  const lean = ['--host', '127.0.0.1', '--no-web', '--nio', '--no-autotune', '--silent'];
  const acceptors = ['amqp', 'hornetq', 'mqtt', 'stomp'].map((name) => `--no-${name}-acceptor`);
  await run(join(home, 'bin', 'artemis'), ['create', folder, ...login, ...lean, ...acceptors], {
    env: { ...process.env, JAVA_ARGS: javaArgs(options) },
  });
  await configure(join(folder, 'etc'), ports, options);
}

async function configure(etc: string, ports: Ports, options: BrokerOptions): Promise<void> {
  const { edit = (xml) => xml } = options;
  const file = join(etc, 'broker.xml');
  const xml = (await readFile(file, 'utf8'))
    .replace(/<acceptors>.*<\/acceptors>/s, `<acceptors>${acceptors(ports)}</acceptors>`)
    .replace(/<security-setting match="#">.*<\/security-settings>/s, (all) =>
      options.writable === undefined ? all : `${securitySettings(options)}</security-settings>`,
    )
    // The disk of a machine that builds things is full sooner than the tests need room.
    .replace(/<max-disk-usage>.*?</, '<max-disk-usage>-1<')
    // What `create` finds by measuring the disk, which takes longer than a test.
    .replace(/<(journal-buffer-timeout|page-sync-timeout)>\d+</g, '<$1>124000<');
  await writeFile(file, edit(xml));
  const all = Object.values(accounts);
  const users = all.map(({ username, password }) => `${username} = ${password}\n`).join('');
  await writeFile(join(etc, 'artemis-users.properties'), users);
  const names = all.map(({ username }) => username).join(',');
  await writeFile(join(etc, 'artemis-roles.properties'), `amq = ${names}\n`);
}

/** What is not permitted to a role is refused; of the settings that match a name only the most specific one counts. */
function securitySettings({ writable, readable }: BrokerOptions): string {
  const managing = [
    'createNonDurableQueue',
    'deleteNonDurableQueue',
    'createDurableQueue',
    'deleteDurableQueue',
  ];
  const creating = [...managing, 'createAddress', 'deleteAddress'];
  const reading = [...creating, 'consume', 'browse'];
  const setting = (match: string, types: readonly string[]) =>
    `<security-setting match="${match}">${types.map((type) => `<permission type="${type}" roles="amq"/>`).join('')}</security-setting>`;
  const elsewhere = readable === undefined ? reading : creating;
  return (
    setting('#', elsewhere) +
    (readable === undefined || readable === writable ? '' : setting(`${readable}.#`, reading)) +
    setting(`${writable}.#`, [...(readable === writable ? reading : elsewhere), 'send'])
  );
}

/** One a protocol, with the options that `create` gives each. */
function acceptors({ mqtt, amqp, stomp, openwire }: Ports): string {
  const acceptor = (name: string, port: number, options: string) =>
    `<acceptor name="${name}">tcp://127.0.0.1:${port}?${options}</acceptor>`;
  const amqpOptions =
    'amqpCredits=1000;amqpLowCredits=300;amqpMinLargeMessageSize=102400;amqpDuplicateDetection=true';
  return [
    acceptor('mqtt', mqtt, 'protocols=MQTT'),
    acceptor('amqp', amqp, `protocols=AMQP;${amqpOptions}`),
    acceptor('stomp', stomp, 'protocols=STOMP'),
    acceptor('openwire', openwire, 'protocols=CORE,OPENWIRE;supportAdvisory=false'),
  ].join('');
}

async function startInstance(folder: string, options: BrokerOptions): Promise<Running> {
  const server = await startServer({
    name: 'ActiveMQ Artemis',
    command: join(folder, 'bin', 'artemis'),
    args: ['run'],
    cwd: folder,
    env: { ...process.env, JAVA_ARGS: javaArgs(options) },
    ready: /AMQ221007: Server is now/,
    startTimeout: 60_000,
  });
  return { ...server, stop: () => server.stop(10_000) };
}

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { startServer } from '../../../bridge/launch/server-process.js';
import type { MosquittoOptions, TestBroker } from '../brokers.js';
import { freePorts } from './ports.js';
import { accounts, brokerFolder, testBroker } from './test-broker.js';

const run = promisify(execFile);

/** Debian puts the server into a folder that ordinary accounts do not search. */
function program(name: string): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`the program ${name} is needed: install Mosquitto`);
  return found;
}

/** Mosquitto: a plain MQTT broker. */
export async function startMosquittoBroker(options: MosquittoOptions): Promise<TestBroker> {
  const mosquitto = program('mosquitto');
  const [mqtt = 0, ws = 0] = await freePorts(2);
  const ports = { mqtt, ws };
  const folder = await brokerFolder('mosquitto');
  const data = join(folder, 'data');
  const file = join(folder, 'mosquitto.conf');
  await mkdir(data);
  await writePasswords(join(folder, 'passwords'));
  const settings = [...(options.settings ?? [])];
  if (options.writable !== undefined) {
    const permissions = join(folder, 'permissions');
    await writeFile(permissions, `pattern read #\npattern write ${options.writable}/#\n`, { mode: 0o600 });
    settings.push(`acl_file ${permissions}`);
  }
  await writeFile(file, configuration(folder, data, ports, settings));
  return testBroker({ type: 'mqtt', ports, accounts }, folder, async () => {
    const server = await startServer({
      name: 'Mosquitto',
      command: mosquitto,
      args: ['-c', file],
      cwd: folder,
      ready: /mosquitto version \S+ running/,
      startTimeout: 20_000,
    });
    return { ...server, stop: () => server.stop(5000) };
  });
}

async function writePasswords(file: string): Promise<void> {
  const lines = Object.values(accounts).map(({ username, password }) => `${username}:${password}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  // Hashes what is in the file; given on its command line a password would be in the process list.
  await run(program('mosquitto_passwd'), ['-U', file]);
}

function configuration(
  folder: string,
  data: string,
  ports: { mqtt: number; ws: number },
  settings: readonly string[],
): string {
  return [
    'allow_anonymous false',
    `password_file ${join(folder, 'passwords')}`,
    'persistence true',
    `persistence_location ${data}/`,
    // Writes the store after each change, so that `kill` loses nothing that was confirmed.
    'autosave_on_changes true',
    'autosave_interval 1',
    // Its standard output would be held back until a buffer is full.
    'log_dest stderr',
    // Started as root it would become a user that cannot read this folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    `listener ${ports.mqtt} 127.0.0.1`,
    'protocol mqtt',
    ...settings,
    `listener ${ports.ws} 127.0.0.1`,
    'protocol websockets',
    '',
  ].join('\n');
}

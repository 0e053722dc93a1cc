import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BrokerConfig, Config } from '../../bridge/config/config.js';
import { loadConfig } from '../../bridge/config/load.js';
import { silentLog } from '../../bridge/observability/log.js';
import type { RoomAbout } from '../../bridge/rooms/about.js';
import { ChatRooms } from '../../bridge/rooms/chat-rooms.js';
import { createRoomDirectory, type RoomDirectory, roomsBroker } from '../../bridge/rooms/directory.js';
import { brokerEnvironment, CHAT_MAPPING } from '../support/bridge.js';
import { startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';

const directories: RoomDirectory[] = [];
const clients: MqttClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await Promise.all(directories.splice(0).map((directory) => directory.stop()));
});

async function configOf(mapping: string): Promise<Config> {
  const folder = await mkdtemp(join(tmpdir(), 'activemq-bridge-rooms-'));
  try {
    const file = join(folder, 'mapping.yaml');
    await writeFile(file, mapping);
    const result = await loadConfig(file, {});
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    return result.config;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function startDirectory(broker: BrokerConfig): RoomDirectory {
  const directory = createRoomDirectory(broker, silentLog);
  directories.push(directory);
  directory.start();
  return directory;
}

/** A member who comes now. */
async function member({ host, ports, accounts }: TestBroker): Promise<MqttClient> {
  const client = mqtt.connect(`mqtt://${host}:${ports.mqtt}`, {
    ...accounts.ann,
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  clients.push(client);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  return client;
}

/** What the broker has retained on a room; it has to come. */
async function retainedAbout(broker: TestBroker, room: string): Promise<RoomAbout> {
  const client = await member(broker);
  const first = new Promise<Buffer>((resolve) => client.once('message', (_, body) => resolve(body)));
  await client.subscribeAsync(`chat/${room}/about`, { qos: 1 });
  return JSON.parse(String(await first)) as RoomAbout;
}

describe('rooms on ActiveMQ Classic', () => {
  let classic: TestBroker;
  let broker: BrokerConfig;
  beforeAll(async () => {
    classic = await startClassic({ permissions: 'shipped' });
    const result = await loadConfig(CHAT_MAPPING, brokerEnvironment(classic));
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    const found = roomsBroker(result.config);
    if (found === undefined) throw new Error('chat.yaml has no broker for rooms');
    broker = found;
  });
  afterAll(() => classic?.stop());

  it('are announced to whoever comes later, also after a restart of the broker', async () => {
    const directory = startDirectory(broker);
    const about = await directory.create({ name: 'Garden party', createdBy: 'ann' });
    expect(about).toEqual({
      id: expect.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{15}$/),
      name: 'Garden party',
      createdBy: 'ann',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(await retainedAbout(classic, about.id)).toEqual(about);
    expect(directory.list()).toContainEqual(about);
    await classic.restart();
    expect(await retainedAbout(classic, about.id)).toEqual(about);
    const next = await directory.create({ name: 'After', createdBy: '' });
    expect(await retainedAbout(classic, next.id)).toEqual(next);
  });

  it('are known to a bridge that starts anew, also those that a member described, and not what is no description', async () => {
    const first = startDirectory(broker);
    const ours = await first.create({ name: '<b>', createdBy: '' });
    const ann = await member(classic);
    const theirs = {
      id: uniqueName('room'),
      name: 'Théâtre',
      createdBy: 'ann',
      createdAt: new Date().toISOString(),
    };
    const describe = (room: string, about: object) =>
      ann.publishAsync(`chat/${room}/about`, JSON.stringify(about), { qos: 1, retain: true });
    const strange = [uniqueName('room'), uniqueName('room'), uniqueName('room')] as const;
    await describe(strange[0], { ...theirs });
    await describe(strange[1], { ...theirs, id: strange[1], name: 'x'.repeat(61) });
    await describe(strange[2], { ...theirs, id: strange[2], name: 'a\u202eb' });
    await describe(theirs.id, theirs);
    await eventually(() => first.list().some(({ id }) => id === theirs.id));
    await Promise.all(directories.splice(0).map((directory) => directory.stop()));
    await classic.restart();

    const second = startDirectory(broker);
    await eventually(() => second.list().length > 0);
    expect(second.list()).toEqual(expect.arrayContaining([ours, theirs]));
    expect(second.list().filter(({ id }) => strange.some((room) => room === id))).toEqual([]);
    expect(await retainedAbout(classic, theirs.id)).toEqual(theirs);
  });

  it('may be more than ActiveMQ lets a program look at without a setting, up to a limit', async () => {
    const directory = startDirectory(broker);
    await directory.create({ name: 'One more', createdBy: '' });
    const more = 1_000 - directory.list().length;
    await Promise.all(
      Array.from({ length: more }, (_, n) => directory.create({ name: `Room ${n}`, createdBy: '' })),
    );
    await expect(directory.create({ name: 'one too many', createdBy: '' })).rejects.toMatchObject({
      code: 'limit-exceeded',
    });
    await Promise.all(directories.splice(0).map((one) => one.stop()));
    const next = startDirectory(broker);
    await eventually(() => next.list().length === 1_000);
  });

  it('cannot be made while the broker is away, and are not remembered then', async () => {
    const down = new Map(broker.endpoints).set('stomp', [{ host: '127.0.0.1', port: 1 }]);
    const directory = startDirectory({ ...broker, endpoints: down });
    await expect(directory.create({ name: 'lost', createdBy: '' })).rejects.toMatchObject({
      code: 'connection-failed',
    });
    expect(directory.list().filter(({ name }) => name === 'lost')).toEqual([]);
  });
});

describe('rooms on Mosquitto', () => {
  let mosquitto: TestBroker;
  beforeAll(async () => {
    mosquitto = await startMosquitto();
  });
  afterAll(() => mosquitto?.stop());

  const mappingWith = (password: string) => `version: 1
brokers:
  front:
    type: mqtt
    mqtt: mqtt://${mosquitto.host}:${mosquitto.ports.mqtt}
    username: ${mosquitto.accounts.bridge.username}
    password: ${password}
routes: {}
http: { chat: "ws://localhost:1" }
`;

  it('are kept by the broker itself', async () => {
    const broker = roomsBroker(await configOf(mappingWith(mosquitto.accounts.bridge.password)));
    if (broker === undefined) throw new Error('no broker for rooms');
    const about = await startDirectory(broker).create({ name: 'Front', createdBy: 'bob' });
    await Promise.all(directories.splice(0).map((directory) => directory.stop()));
    await mosquitto.restart();
    const second = startDirectory(broker);
    await eventually(() => second.list().length === 1);
    expect(second.list()).toEqual([about]);
    expect(await retainedAbout(mosquitto, about.id)).toEqual(about);
  });

  it('follow the rules to a new password', async () => {
    const rooms = new ChatRooms(await configOf(mappingWith('wrong')), silentLog);
    try {
      rooms.start();
      await expect(rooms.directory?.create({ name: 'Early', createdBy: '' })).rejects.toMatchObject({
        code: 'authentication-failed',
      });
      const mended = await configOf(mappingWith(mosquitto.accounts.bridge.password));
      await rooms.update(mended);
      const about = await rooms.directory?.create({ name: 'Later', createdBy: '' });
      await eventually(() => rooms.directory?.list().some(({ id }) => id === about?.id));
      const { directory } = rooms;
      await rooms.update(mended);
      expect(rooms.directory).toBe(directory);
    } finally {
      await rooms.stop();
    }
  });
});

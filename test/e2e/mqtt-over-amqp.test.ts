import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { brokerEnvironment, startBridge, type TestBridge } from '../support/bridge.js';
import { startArtemis, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { javaSend } from '../support/java.js';
import { oneBroker } from '../support/mapping.js';
import { uniqueName } from '../support/names.js';

/** As it comes: Artemis 2.40.0 stops serving a durable MQTT session that comes back often while much waits in it. */
describe('an MQTT topic of Artemis, read over AMQP', () => {
  let artemis: TestBroker;
  let folder = '';
  let bridge: TestBridge | undefined;
  const clients: MqttClient[] = [];
  beforeAll(async () => {
    artemis = await startArtemis();
    folder = await mkdtemp(join(tmpdir(), 'mqtt-over-amqp-'));
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    await bridge?.end();
    bridge = undefined;
  });
  afterAll(async () => {
    await artemis?.stop();
    await rm(folder, { recursive: true });
  });

  async function mapping(id: string, from: string): Promise<string> {
    const file = join(folder, `${id}.yaml`);
    await writeFile(
      file,
      `${oneBroker('artemis', { clientId: id })}
routes:
  back: { from: { mqtt: "${from}" }, to: { mqtt: ${id}-out, body: "{topic} {body} {message.qos}" } }
`,
    );
    return file;
  }

  const start = async (file: string) => {
    bridge = await startBridge(file, brokerEnvironment(artemis));
  };

  async function member(): Promise<MqttClient> {
    const { host, ports, accounts } = artemis;
    const client = await connectAsync({ host, port: ports.mqtt, ...accounts.ann, reconnectPeriod: 0 });
    clients.push(client);
    return client;
  }

  /** What comes back from the bridge. */
  async function answers(id: string, count: number): Promise<() => Promise<string[]>> {
    const client = await member();
    const got: string[] = [];
    const all = new Promise<string[]>((resolve) => {
      client.on('message', (_topic, body) => {
        got.push(String(body));
        if (got.length === count) resolve(got);
      });
    });
    await client.subscribeAsync(`${id}-out`, { qos: 1 });
    return () => all;
  }

  it('has the names that MQTT clients published to', async () => {
    const id = uniqueName('names');
    const levels = ['x.y', 's*t', 'g>t', 'b\\s', 'a b', 'é😀', '', '$x', 'a:b', '%41', 'c/d', '\u0001'];
    await start(await mapping(id, `${id}/{rest...}`));
    const all = await answers(id, levels.length);
    const client = await member();
    for (const level of levels) await client.publishAsync(`${id}/${level}`, 'hi', { qos: 1 });
    // Each name is a room of its own, and rooms may overtake each other.
    expect((await all()).sort()).toEqual(levels.map((level) => `${id}/${level} hi 1`).sort());
  });

  it('has the names that an MQTT client with the same filter gets', async () => {
    const id = uniqueName('level');
    await start(await mapping(id, `${id}/{room}`));
    const topics: string[] = [];
    const subscriber = await member();
    subscriber.on('message', (topic) => topics.push(topic));
    await subscriber.subscribeAsync(`${id}/+`, { qos: 1 });
    const answers: string[] = [];
    const out = await member();
    out.on('message', (_topic, body) => answers.push(String(body)));
    await out.subscribeAsync(`${id}-out`, { qos: 1 });
    const client = await member();
    // No single level takes in the first one, and of a backslash an MQTT client does not get the name that was published to (2.40.0).
    for (const level of ['x.y', 's*t', 'a b', 'é😀', '$x', '%41'])
      await client.publishAsync(`${id}/${level}`, 'hi', { qos: 1 });
    await eventually(() => topics.length >= 5 && topics.length === answers.length);
    expect(answers.sort()).toEqual(topics.map((topic) => `${topic} hi 1`).sort());
  });

  it('brings what came while the bridge was away, in order, and QoS 0 as such', async () => {
    const id = uniqueName('away');
    const file = await mapping(id, `${id}/{room}`);
    await start(file);
    await bridge?.end();
    const client = await member();
    for (let n = 0; n < 20; n++) await client.publishAsync(`${id}/room`, String(n), { qos: n === 7 ? 0 : 1 });
    const all = await answers(id, 20);
    await start(file);
    expect(await all()).toEqual(Array.from({ length: 20 }, (_, n) => `${id}/room ${n} ${n === 7 ? 0 : 1}`));
  });

  it('brings what JMS programs send to the topic of that name, text and bytes', async () => {
    const id = uniqueName('jms');
    await start(await mapping(id, `${id}/{room}`));
    const all = await answers(id, 2);
    const { host, ports, accounts } = artemis;
    const place = {
      client: 'qpid',
      url: `amqp://${host}:${ports.amqp}`,
      account: accounts.bob,
      topic: `${id}.room`,
    } as const;
    await javaSend({ ...place, body: { text: 'größe' } });
    await javaSend({ ...place, body: { base64: Buffer.from('bytes').toString('base64') } });
    expect(await all()).toEqual([`${id}/room größe 1`, `${id}/room bytes 1`]);
  });
});

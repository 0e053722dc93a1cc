// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have them
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BridgeStatus } from '../../bridge/status.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startClassic, type TestBroker } from '../support/brokers.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { CommandLine } from '../support/up.js';

/** Texts that occur nowhere but where this test puts them. */
const PLANTED = {
  right: 'Planted-Right-7f3a/+x',
  wrong: 'Planted-Wrong-91c2/+y',
  token: 'Planted-Token-55d0-abcdef',
  wrongToken: 'Planted-NoToken-c41e-abcdef',
  inUrl: 'PlantedInUrl27b9',
  inFile: 'Planted-File-e5e5/+z',
  unread: 'Planted-Unread-0a0a',
} as const;

/** Mistakes that every command is tried with: one in the text itself, one that is found in what the text says. */
const THOROUGHLY: ReadonlySet<string> = new Set(['plain.yaml', 'unknown.yaml']);

/** A secret as it is, and as protocols and programs write it. */
const formsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64'),
  Buffer.from(secret).toString('base64url'),
  Buffer.from(secret).toString('hex'),
  // SASL PLAIN and HTTP Basic put an account in front of it.
  Buffer.from(`\0bridge\0${secret}`).toString('base64'),
  Buffer.from(`bridge:${secret}`).toString('base64'),
  JSON.stringify(secret).slice(1, -1),
];

describe('secrets that are planted wherever the bridge takes one', () => {
  let broker: TestBroker;
  let authority: Authority;
  let folder = '';
  let bridge: CommandLine;
  let base = '';
  let env: Record<string, string> = {};
  const heard: { readonly from: string; readonly text: string }[] = [];

  const at = (name: string) => join(folder, name);
  const mapping = (more = '') => `version: 1
brokers:
  mq: { type: activemq, mqtt: "mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}", amqp: "amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}", stomp: "stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}", username: bridge, password: "\${RIGHT}" }
  refused: { type: activemq, mqtt: "mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}", amqp: "amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}", stomp: "stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}", username: bridge, password: "\${file:wrong}", clientId: refused }
  gone: { type: activemq, mqtt: "mqtts://127.0.0.1:1", amqp: "amqps://127.0.0.1:1", stomp: "stomps://127.0.0.1:1", username: bridge, password: "\${file:wrong}", tls: { cert: client.pem, key: client.key } }
http: { port: "\${HTTP_PORT}", admin: { token: "\${TOKEN}", tail: true } }
routes:
  works: { from: { queue: planted.in, broker: mq, via: stomp }, to: { queue: planted.out, broker: mq, via: amqp } }
  no-mqtt: { from: { mqtt: planted/a, broker: refused, via: mqtt }, to: { queue: planted.out, broker: mq } }
  no-amqp: { from: { queue: planted.b, broker: refused, via: amqp }, to: { queue: planted.out, broker: mq } }
  no-stomp: { from: { queue: planted.c, broker: refused, via: stomp }, to: { queue: planted.out, broker: mq } }
  no-broker: { from: { mqtt: planted/d, broker: gone, via: mqtt }, to: { queue: planted.out, broker: gone, via: amqp } }
${more}`;

  async function command(...args: string[]): Promise<string> {
    const run = new CommandLine(['--log-level', 'debug', ...args], env);
    await run.exited;
    heard.push({ from: args.join(' '), text: run.output });
    return run.output;
  }

  async function ask(path: string, init: RequestInit = {}): Promise<string> {
    const answer = await fetch(base + path, init);
    const text = `${JSON.stringify([...answer.headers])}\n${await answer.text()}`;
    heard.push({ from: `${init.method ?? 'GET'} ${path}`, text });
    return text;
  }

  const health = async () => JSON.parse(await (await fetch(`${base}/health`)).text()) as BridgeStatus;

  beforeAll(async () => {
    broker = await startClassic();
    await broker.setPassword('bridge', PLANTED.right);
    authority = await createAuthority('planted');
    folder = await mkdtemp(join(tmpdir(), 'bridge-planted-'));
    const client = await authority.client('client');
    await writeFile(at('client.pem'), await readFile(client.cert));
    await writeFile(at('client.key'), await readFile(client.key));
    await writeFile(at('wrong'), `${PLANTED.wrong}\n`);
    await writeFile(at('right'), PLANTED.right);
    await writeFile(at('no-key'), `${PLANTED.inFile}\n`);
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    env = {
      ...brokerEnvironment(broker),
      HTTP_PORT: String(port),
      RIGHT_FILE: at('right'),
      TOKEN: PLANTED.token,
      // What the libraries would print of their own.
      DEBUG: '*',
    };
    await writeFile(at('mapping.yaml'), mapping());
    await writeFile(at('first.yaml'), mapping());
    bridge = new CommandLine(['--log-level', 'debug', 'run', at('mapping.yaml')], env);
    await bridge.says(/bridge\.started/);
    await eventually(async () => {
      const { routes, connections } = await health();
      const refused = connections.filter(({ reason }) => reason?.code === 'authentication-failed');
      const works = routes.find(({ name }) => name === 'works')?.state === 'running';
      return works && new Set(refused.map(({ protocol }) => protocol)).size === 3;
    });
  });
  afterAll(async () => {
    await bridge?.interrupt();
    await broker?.stop();
    await authority?.remove();
    await rm(folder, { recursive: true });
  });

  it('are in nothing that the bridge ever prints or answers', async () => {
    const right = { authorization: `Bearer ${PLANTED.token}` };
    const wrong = { authorization: `Bearer ${PLANTED.wrongToken}` };
    const json = { 'content-type': 'application/json' };
    const paths = [
      '/health',
      '/health/ready',
      '/health/live',
      '/api/routes',
      '/api/settings',
      '/api/overview',
      '/api/rooms',
      '/api/rooms/abcdefghijkl/messages',
      '/api/dead-letters',
      '/api/routes/works/tail',
      '/dashboard',
      '/',
      `/nothing/${PLANTED.unread.length}`,
    ];
    for (const path of paths) for (const headers of [{}, right, wrong]) await ask(path, { headers });
    for (const headers of [json, { ...json, ...right }, { ...json, ...wrong }])
      for (const path of ['/api/dead-letters/replay', '/api/dead-letters/drop', '/api/rooms'])
        await ask(path, { method: 'POST', headers, body: '{"route":"works"}' });

    // Files with a mistake in or near each secret, for a running bridge and for the commands.
    const mistakes: Readonly<Record<string, string>> = {
      'in-url.yaml': mapping().replace('mqtt://127', `mqtt://bridge:${PLANTED.inUrl}@127`),
      'as-key.yaml': mapping().replace('key: client.key', 'key: no-key'),
      'plain.yaml': `${mapping().replace('"${file:wrong}"', `"${PLANTED.unread}"`)}  broken: [`,
      'unknown.yaml': mapping().replace('password: "${RIGHT}"', `passwort: "${PLANTED.unread}"`),
      'short.yaml': mapping().replace('"${TOKEN}"', `["${PLANTED.unread}"]`),
      'elsewhere.yaml': mapping().replace('username: bridge, password: "${RIGHT}"', 'password: "${RIGHT}"'),
    };
    for (const [name, text] of Object.entries(mistakes)) {
      expect(text, name).not.toBe(mapping());
      await writeFile(at(name), text);
      expect(await command('validate', at(name)), name).toContain('error');
      const others = [
        ['validate', '--format', 'json', at(name)],
        ['explain', at(name), 'queue:planted.in'],
        ['diff', at('first.yaml'), at(name)],
        ['test', at(name)],
        ['run', at(name)],
        ['dead-letters', 'list', at(name)],
      ];
      if (THOROUGHLY.has(name)) await Promise.all(others.map((args) => command(...args)));
      await writeFile(at('mapping.yaml'), text);
      expect(await ask('/api/reload', { method: 'POST' }), name).toContain('"ok":false');
    }
    await writeFile(
      at('mapping.yaml'),
      mapping('  more: { from: { queue: planted.e, broker: mq }, to: { queue: planted.f, broker: mq } }\n'),
    );
    expect(await ask('/api/reload', { method: 'POST' })).toContain('"ok":true');
    await command('validate', at('mapping.yaml'));
    await command('explain', at('mapping.yaml'), 'queue:planted.in');
    await command('dead-letters', 'list', at('mapping.yaml'));
    await ask('/health');
    await ask('/api/overview', { headers: right });

    await bridge.interrupt();
    heard.push({ from: 'the log', text: bridge.output });
    expect(bridge.output).toContain('authentication-failed');
    expect(bridge.output).toContain('debug');

    const key = (await readFile(at('client.key'), 'utf8')).split('\n')[1] ?? '';
    expect(key.length).toBeGreaterThan(20);
    const found = [...Object.values(PLANTED), key].flatMap((secret) =>
      formsOf(secret).flatMap((form) =>
        heard.filter(({ text }) => text.includes(form)).map(({ from }) => `${secret} in ${from}`),
      ),
    );
    expect([...new Set(found)]).toEqual([]);
  }, 240_000);
});

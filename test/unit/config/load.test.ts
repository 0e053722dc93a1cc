// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have them
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../../bridge/config/config.js';
import { formatDiagnostic, type LoadResult, loadConfig, parseConfig } from '../../../bridge/config/load.js';
import { type Authority, contentOf, createAuthority } from '../../support/certificates.js';

const noFiles = () => Promise.reject(new Error('no file'));
const parse = (text: string, env: NodeJS.ProcessEnv = {}): Promise<LoadResult> =>
  parseConfig(text, 'm.yaml', env, noFiles);

async function configOf(text: string, env?: NodeJS.ProcessEnv): Promise<Config> {
  const result = await parse(text, env);
  if (!result.ok) throw new Error(result.diagnostics.map((one) => formatDiagnostic(one)).join('\n'));
  return result.config;
}

async function problemsOf(text: string, env?: NodeJS.ProcessEnv): Promise<string[]> {
  const result = await parse(text, env);
  return (result.ok ? result.warnings : result.diagnostics).map((one) => formatDiagnostic(one));
}

const route = (rest: string, broker = 'type: activemq, host: localhost') =>
  `version: 1\nbrokers: { mq: { ${broker} } }\nroutes: { r: { ${rest} } }\n`;

const PLAIN = 'from: { mqtt: "a/{x}" }, to: { queue: "b.{x}" }';

describe('defaults', () => {
  it('are filled in for everything that a file leaves out', async () => {
    const { brokers, routes, http } = await configOf(route(PLAIN));
    expect(brokers.get('mq')).toMatchObject({ clientId: 'activemq-bridge', lanes: 4 });
    expect([...(brokers.get('mq')?.endpoints ?? [])].map(([name, [{ port }]]) => [name, port])).toEqual([
      ['mqtt', 1883],
      ['amqp', 5672],
      ['stomp', 61613],
    ]);
    expect(routes[0]).toMatchObject({
      enabled: true,
      inFlight: 1000,
      retry: { initial: 100, max: 10_000 },
      deadLetter: 'bridge.dead-letter',
      from: { qos: 1, session: 'durable', via: 'mqtt' },
      to: [{ persistent: true, qos: 1, retain: false, via: 'stomp' }],
    });
    expect(http).toEqual({ host: '127.0.0.1', port: 8080 });
  });

  it('of `via` are the usual protocol of the type of broker', async () => {
    const { routes } = await configOf(route(PLAIN, 'type: artemis, host: localhost'));
    expect(routes[0]?.to[0]?.via).toBe('amqp');
  });

  it.each([
    ['mqtt: "a/{x}"', 'type: artemis, host: h', 'amqp'],
    ['mqtt: "a/{rest...}"', 'type: artemis, mqtt: "mqtt://h", amqp: "amqp://h"', 'amqp'],
    ['mqtt: "a/{x}"', 'type: artemis, mqtt: "mqtt://h"', 'mqtt'],
    ['mqtt: "a/{x}"', 'type: artemis, host: h, mqttVersion: 5', 'mqtt'],
    ['mqtt: "a/{x}", via: mqtt', 'type: artemis, host: h', 'mqtt'],
    ['mqtt: "a/{x}", session: clean', 'type: artemis, host: h', 'mqtt'],
    ['mqtt: "a/{x}", connection: c', 'type: artemis, host: h', 'mqtt'],
    ['mqtt: "a/{x}", share: s', 'type: artemis, host: h', 'mqtt'],
    ['mqtt: "a/{x}", qos: 2', 'type: artemis, host: h', 'mqtt'],
    ['mqtt: "v1.0/{x}"', 'type: artemis, host: h', 'mqtt'],
    ['mqtt: "{x}/a"', 'type: artemis, host: h', 'mqtt'],
    ['mqtt: "a/{x}"', 'type: activemq, host: h', 'mqtt'],
    ['mqtt: "a/{x}"', 'type: mqtt, host: h', 'mqtt'],
  ])('read { %s } of a broker { %s } via %s', async (from, broker, via) => {
    const { routes } = await configOf(route(`from: { ${from} }, to: { mqtt: b }`, broker));
    expect(routes[0]?.from.via).toBe(via);
  });

  it('name the durable subscription of an MQTT topic that is read over AMQP after its filter', async () => {
    const { routes } = await configOf(
      route('from: { mqtt: "a/{x}/{rest...}" }, to: { mqtt: b }', 'type: artemis, host: h'),
    );
    expect(routes[0]?.from.durable).toBe('mqtt/a/+/#');
  });
});

describe('an MQTT topic that is to be read over AMQP', () => {
  it.each([
    ['session: clean', 'session'],
    ['qos: 2', 'qos'],
    ['share: s', 'share'],
    ['connection: c', 'connection'],
  ])('cannot have %s', async (key, named) => {
    const text = route(
      `from: { mqtt: "a/{x}", via: amqp, ${key} }, to: { mqtt: b }`,
      'type: artemis, host: h',
    );
    expect(await problemsOf(text)).toEqual([
      expect.stringContaining(`what "${named}" says here can only be read via mqtt; leave "via" out`),
    ]);
  });

  it.each(['v1.0/{x}', '{x}/a'])('cannot be %s', async (topic) => {
    const text = route(`from: { mqtt: "${topic}", via: amqp }, to: { mqtt: b }`, 'type: artemis, host: h');
    expect(await problemsOf(text)).toEqual([
      expect.stringMatching(/a topic whose first level is a capture, .* can only be read via mqtt/),
    ]);
  });

  it('is of Artemis', async () => {
    expect(
      await problemsOf(
        route('from: { mqtt: "a/{x}", via: stomp }, to: { mqtt: b }', 'type: artemis, host: h'),
      ),
    ).toEqual([expect.stringContaining('an MQTT topic is read via mqtt or amqp')]);
    expect(await problemsOf(route('from: { mqtt: "a/{x}", via: amqp }, to: { queue: b }'))).toEqual([
      expect.stringContaining('"via" is for queues and topics; leave it out'),
    ]);
  });
});

describe('interpolation in a file', () => {
  it('gives number and boolean fields what the text spells, and text fields the text', async () => {
    const text = `${route(`${PLAIN}, inFlight: "\${N}", enabled: "\${ON}"`, 'type: activemq, host: h, username: "${N}", password: "${N}"')}http: { port: "\${N}" }\n`;
    const { routes, http, brokers } = await configOf(text, { N: '12', ON: 'false' });
    expect(routes[0]).toMatchObject({ inFlight: 12, enabled: false });
    expect(http.port).toBe(12);
    expect(brokers.get('mq')?.username).toBe('12');
    expect(brokers.get('mq')?.password?.reveal()).toBe('12');
  });

  it('never changes the structure', async () => {
    const { brokers, routes } = await configOf(route(PLAIN, 'type: activemq, host: h, username: "${EVIL}"'), {
      EVIL: 'x, password: y }, other: { type: mqtt\nroutes: {}',
    });
    expect([...brokers.keys()]).toEqual(['mq']);
    expect(routes).toHaveLength(1);
  });

  it('takes an empty account as none', async () => {
    const { brokers } = await configOf(
      route(PLAIN, 'type: activemq, host: h, username: "${U:-}", password: "${P:-}"'),
    );
    expect(brokers.get('mq')).not.toHaveProperty('username');
    expect(brokers.get('mq')).not.toHaveProperty('password');
  });

  it('keeps passwords out of anything printed', async () => {
    const config = await configOf(route(PLAIN, 'type: activemq, host: h, username: u, password: hunter2'));
    expect(JSON.stringify([...config.brokers])).not.toContain('hunter2');
  });
});

describe('files that a mapping names', () => {
  let authority: Authority;
  let server: Buffer;
  let key: Buffer;
  let otherKey: Buffer;
  beforeAll(async () => {
    authority = await createAuthority('unit');
    const one = await contentOf(await authority.server('one', 'localhost'));
    const other = await contentOf(await authority.client('other'));
    server = one.cert;
    key = one.key;
    otherKey = other.key;
  });
  afterAll(() => authority?.remove());

  const mapping = (tls: string) =>
    route(PLAIN, `type: activemq, host: h, username: u, password: "\${file:secret}", tls: { ${tls} }`);

  it('are looked for from the mapping file’s folder, and are told', async () => {
    const asked: string[] = [];
    const result = await parseConfig(mapping('ca: ca.pem'), '/etc/bridge/m.yaml', {}, async (path) => {
      asked.push(path);
      return path.endsWith('secret') ? Buffer.from('content\n') : server;
    });
    expect(asked).toEqual(['/etc/bridge/secret', '/etc/bridge/ca.pem']);
    const config = result.ok ? result.config : undefined;
    expect(config?.files).toEqual(asked);
    expect(config?.brokers.get('mq')?.password?.reveal()).toBe('content');
    expect(config?.brokers.get('mq')?.endpoints.get('mqtt')?.[0].tls?.ca).toEqual(server);
  });

  it('are told, too, when one of them cannot be read', async () => {
    const result = await parseConfig(mapping('ca: ca.pem'), '/etc/bridge/m.yaml', {}, noFiles);
    expect(!result.ok && result.files).toEqual(['/etc/bridge/secret', '/etc/bridge/ca.pem']);
  });

  it.each([
    ['ca: junk', ['"junk" is no certificate in PEM']],
    ['cert: cert, key: junk', ['"junk" is no private key in PEM']],
    ['cert: key, key: cert', ['"key" is no certificate', '"cert" is no private key']],
    ['cert: cert, key: locked', ['"locked" is a key with a passphrase']],
    ['cert: cert, key: other', ['this is not the key of the certificate']],
  ])('have to be what they are for: %s', async (tls, problems) => {
    const files: Readonly<Record<string, Buffer>> = {
      '/secret': Buffer.from('pw'),
      '/junk': Buffer.from('hunter2'),
      '/cert': server,
      '/key': key,
      '/other': otherKey,
      '/locked': Buffer.from('-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n'),
    };
    const result = await parseConfig(mapping(tls), '/m.yaml', {}, async (path) => files[path] ?? noFiles());
    const told = result.ok ? [] : result.diagnostics.map(({ message }) => message);
    expect(told).toEqual(problems.map((problem) => expect.stringContaining(problem)));
    expect(told.join()).not.toContain('hunter2');
  });
});

describe('a file that cannot be taken at all', () => {
  it('is named when it is not there', async () => {
    const result = await loadConfig('no/such/file.yaml', {});
    expect(!result.ok && result.diagnostics.map((one) => formatDiagnostic(one))).toEqual([
      'no/such/file.yaml:1:1: error: the file cannot be read: there is no such file',
    ]);
  });

  it('is refused when it is larger than 1 MiB', async () => {
    expect(await problemsOf(`version: 1 # ${'x'.repeat(1024 * 1024)}`)).toEqual([
      'm.yaml:1:1: error: the file is larger than 1048576 bytes',
    ]);
  });

  it('is refused when it is nested too deeply', async () => {
    const problems = await problemsOf('['.repeat(100_000));
    expect(problems).toEqual([
      expect.stringMatching(/^m\.yaml:1:\d+: error: the values are nested too deeply$/),
    ]);
  });
});

describe('warnings', () => {
  it('come with a file that loads', async () => {
    const text = `version: 1
brokers: { mq: { type: activemq, host: localhost } }
routes:
  a: { from: { queue: in }, to: { queue: x } }
  b: { from: { queue: in }, to: { queue: y } }
  c: { from: { mqtt: "t/{topic}" }, to: { queue: "z.{topic}" } }
`;
    const problems = await problemsOf(text);
    expect((await parse(text)).ok).toBe(true);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^m\.yaml:5:23: warning: the route "a" takes from this queue too/);
    expect(problems[1]).toMatch(/^m\.yaml:6:22: warning: the capture \{topic\} hides/);
  });
});

it('ten thousand routes are checked without comparing each with each', async () => {
  const routes = Array.from(
    { length: 10_000 },
    (_, i) => `  r${i}: { from: { mqtt: c/${i} }, to: { queue: q.${i} } }`,
  );
  const text = `version: 1\nbrokers: { mq: { type: activemq, host: localhost } }\nroutes:\n${routes.join('\n')}\n`;
  expect((await configOf(text)).routes).toHaveLength(10_000);
});

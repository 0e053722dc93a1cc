import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { CommandLine } from '../support/up.js';

const TOKEN = 'bad-clients-0123456789';

/** A real bridge whose brokers are away, which HTTP clients of all kinds ask. */
describe('a bridge with clients that mean no good', () => {
  let folder = '';
  let bridge: CommandLine;
  let port = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bridge-bad-clients-'));
    const [http, nobody] = [await freePort(), await freePort()];
    port = http;
    const file = join(folder, 'mapping.yaml');
    await writeFile(
      file,
      `version: 1
brokers: { mq: { type: activemq, mqtt: "mqtt://127.0.0.1:${nobody}", stomp: "stomp://127.0.0.1:${nobody}", amqp: "amqp://127.0.0.1:${nobody}" } }
http: { port: ${port}, admin: { token: ${TOKEN}, tail: true } }
routes: { r: { from: { mqtt: "a/{x}" }, to: { queue: "b.{x}" } } }
`,
    );
    bridge = new CommandLine(['--log-format', 'json', 'run', file]);
    await bridge.says(/bridge\.started/);
  });
  afterAll(async () => {
    await bridge?.interrupt();
    await rm(folder, { recursive: true });
  });

  const isAlive = async () => (await fetch(`http://127.0.0.1:${port}/health/live`)).status === 200;

  interface Answer {
    readonly status: number;
    readonly type: string;
    readonly body: string;
  }

  /** What comes back, or undefined where the server hung up on what is no HTTP. */
  const ask = (method: string, path: string, headers: Record<string, string>, body: Buffer) =>
    new Promise<Answer | undefined>((resolve) => {
      const options = { port, method, path, headers: { ...headers, connection: 'close' }, agent: false };
      const asked = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve(undefined));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      asked.on('error', () => resolve(undefined));
      asked.end(body);
    });

  it('answers whatever is asked of whatever path with a status that is not its own failure', async () => {
    const segment = fc.oneof(
      fc.constantFrom('health', 'live', 'ready', 'api', 'routes', 'rooms', 'overview', 'settings', 'reload'),
      fc.constantFrom(
        'dead-letters',
        'replay',
        'drop',
        'tail',
        'r',
        'messages',
        'dashboard',
        '..',
        '%2e%2e',
        '%00',
        '%',
      ),
      fc.string({ maxLength: 20 }).map((text) => encodeURIComponent(text)),
    );
    const known = fc.constantFrom(
      '/health',
      '/health/live',
      '/health/ready',
      '/api/routes',
      '/api/routes/r/tail',
      '/api/overview',
      '/api/settings',
      '/api/rooms',
      '/api/rooms/abcdefghijkl/messages',
      '/api/reload',
      '/dashboard',
      '/',
    );
    const path = fc.oneof(
      known,
      fc.array(segment, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`),
    );
    const query = fc.oneof(
      fc.constant(''),
      fc.constantFrom(
        '?limit=-1',
        '?limit=99999999',
        '?route=%00',
        '?id[]=1',
        '?a=%',
        '?__proto__=1',
        '?reason=x&reason=y',
      ),
      fc.webQueryParameters().map((text) => `?${text}`),
    );
    const headers = fc.record(
      {
        'content-type': fc.constantFrom(
          'application/json',
          'text/plain',
          'application/json; charset=utf-7',
          '/',
        ),
        'content-encoding': fc.constantFrom('gzip', 'br', 'none'),
        'accept-encoding': fc.constantFrom('gzip', '*;q=0', ','),
        authorization: fc.constantFrom(
          'Bearer',
          'Bearer x',
          `Basic ${TOKEN}`,
          `bearer ${TOKEN} x`,
          'Bearer \u00ff',
        ),
        origin: fc.constantFrom('null', 'http://elsewhere.example', ':', `http://127.0.0.1`),
        host: fc.constantFrom('elsewhere.example', '127.0.0.1', '[::1', 'a b', ''),
        range: fc.constantFrom('bytes=0-', 'bytes=9999-1', 'bytes=a'),
        'if-none-match': fc.constantFrom('*', '"x"', 'W/'),
        'x-forwarded-for': fc.constantFrom('127.0.0.1', ',', 'x'),
        'x-http-method-override': fc.constantFrom('DELETE', 'POST'),
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      fc.constant(Buffer.alloc(0)),
      fc
        .constantFrom(
          '{',
          '[]',
          'null',
          '{"all":true}',
          '{"__proto__":{"all":true}}',
          '{"id":{}}',
          `"${'x'.repeat(20_000)}"`,
        )
        .map((text) => Buffer.from(text)),
      fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    const method = fc.constantFrom(
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
    );
    await fc.assert(
      fc.asyncProperty(method, path, query, headers, body, async (verb, where, asked, given, sent) => {
        const answer = await ask(verb, where + asked, given as Record<string, string>, sent);
        if (answer === undefined) return;
        // 503: not ready, which is so, its brokers are away.
        if (answer.status !== 503) expect(answer.status).toBeLessThan(500);
        expect(answer.body).not.toMatch(/node_modules|\.js:\d|at \w+ \(/);
        // `/health/%2e%2e` is the page itself (WHATWG URL, double-dot segments).
        const { pathname } = new URL(`http://127.0.0.1${where}`);
        const isOurs = [where, pathname].every((name) => /^\/(?:api|health)(?:\/|$)/.test(name));
        if (isOurs && answer.body !== '' && verb !== 'OPTIONS') {
          expect(answer.type).toContain('application/json');
          JSON.parse(answer.body);
        }
      }),
      { numRuns: 600, examples: [['GET', '/health/%2e%2e', '', {}, Buffer.alloc(0)]] },
    );
    expect(await isAlive()).toBe(true);
    expect(bridge.output).not.toContain('http.request-failed');
  });

  it('cuts off what is no HTTP, and goes on', async () => {
    const rubbish = [
      '\0\0\0\0',
      'GET\r\n\r\n',
      `GET / HTTP/1.1\r\nA: ${'x'.repeat(70_000)}`,
      'GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
    ];
    for (const bytes of rubbish) {
      const closed = new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => {}).on('close', () => resolve());
        socket.resume();
      });
      await closed;
    }
    expect(await isAlive()).toBe(true);
  });

  it('cuts off clients that send a byte at a time, and answers others meanwhile', async () => {
    const slow: Socket[] = [];
    let closed = 0;
    for (let n = 0; n < 200; n++) {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /health HTTP/1.1\r\nHost: a\r\nX: '));
      socket.on('error', () => {}).on('close', () => closed++);
      socket.resume();
      slow.push(socket);
    }
    const drip = setInterval(() => {
      for (const socket of slow) if (!socket.destroyed) socket.write('x');
    }, 200);
    try {
      // For as long as they are there.
      await eventually(async () => {
        expect(await isAlive()).toBe(true);
        return closed === slow.length;
      });
    } finally {
      clearInterval(drip);
      for (const socket of slow) socket.destroy();
    }
  });

  it('stays within its connections when far more come, and answers when they are gone', async () => {
    const many: Socket[] = [];
    let closed = 0;
    for (let n = 0; n < 1_500; n++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {}).on('close', () => closed++);
      socket.resume();
      many.push(socket);
    }
    await eventually(() => closed >= 1_500 - 512);
    expect(await eventually(isAlive)).toBe(true);
    for (const socket of many) socket.destroy();
  });
});

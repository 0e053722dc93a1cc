import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpConfig } from '../../../bridge/config/config.js';
import { BridgeError } from '../../../bridge/errors.js';
import { type HttpServer, startHttp } from '../../../bridge/http/server.js';
import { type Fields, type Log, silentLog } from '../../../bridge/observability/log.js';
import type { Metrics } from '../../../bridge/observability/metrics.js';
import type { RoomAbout } from '../../../bridge/rooms/about.js';
import type { RoomDirectory } from '../../../bridge/rooms/directory.js';
import type { RoomHistory } from '../../../bridge/rooms/history.js';
import type { BridgeStatus, ReloadOutcome } from '../../../bridge/status.js';

const RUNNING: BridgeStatus = {
  ready: true,
  state: 'running',
  startedAt: '2026-01-01T00:00:00.000Z',
  connections: [
    {
      name: 'source room-to-jms',
      broker: 'activemq',
      protocol: 'mqtt',
      state: 'up',
      since: '2026-01-01T00:00:01.000Z',
      attempts: 0,
      reconnects: 0,
    },
  ],
  routes: [
    {
      name: 'room-to-jms',
      state: 'running',
      received: 3,
      delivered: 2,
      duplicates: 0,
      lost: 0,
      expired: 0,
      filtered: 0,
      retried: 0,
      deadLettered: 0,
      deadLetterReasons: {},
      inFlight: 1,
      oldestInFlightSeconds: 0,
    },
  ],
};

const BROKER_DOWN: BridgeStatus = {
  ...RUNNING,
  ready: false,
  connections: [
    {
      name: 'source room-to-jms',
      broker: 'activemq',
      protocol: 'mqtt',
      state: 'waiting',
      since: '2026-01-01T00:00:01.000Z',
      attempts: 4,
      reconnects: 2,
      reason: { code: 'connection-failed', message: 'connect ECONNREFUSED 127.0.0.1:1883' },
    },
  ],
};

let webRoot: string;
let server: HttpServer | undefined;

beforeEach(async () => {
  webRoot = await mkdtemp(join(tmpdir(), 'bridge-http-'));
  await writeFile(join(webRoot, 'index.html'), '<!doctype html><title>the page</title>');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(webRoot, { recursive: true });
});

interface Given {
  readonly status?: () => BridgeStatus;
  readonly config?: Partial<HttpConfig>;
  readonly reload?: () => Promise<ReloadOutcome>;
  readonly rooms?: Pick<RoomDirectory, 'create' | 'list'>;
  readonly history?: Pick<RoomHistory, 'last'>;
  readonly metrics?: Metrics;
  readonly log?: Log;
}

const UNCHANGED: ReloadOutcome = {
  ok: true,
  at: '2026-01-01T00:00:02.000Z',
  changes: { unchanged: ['room-to-jms'], changed: [], added: [], removed: [], left: [] },
  notes: [],
};

/** A running server; the answer fetches a path from it. */
async function serving({
  status = () => RUNNING,
  config = {},
  reload = async () => UNCHANGED,
  rooms,
  history,
  metrics,
  log = silentLog,
}: Given = {}) {
  const address = { host: '127.0.0.1', port: 0, ...config };
  const chat = {
    ...(rooms === undefined ? {} : { directory: rooms }),
    ...(history === undefined ? {} : { history }),
  };
  const more = metrics === undefined ? {} : { metrics };
  server = await startHttp({ config: address, status, reload, rooms: chat, log, webRoot, ...more });
  const base = `http://127.0.0.1:${server.port}`;
  return (path: string, init?: RequestInit) => fetch(base + path, init);
}

describe('health', () => {
  it('is 200 everywhere when the bridge is ready', async () => {
    const get = await serving();
    expect((await get('/health/live')).status).toBe(200);
    const ready = await get('/health/ready');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ ready: true, reasons: [] });
    const health = await get('/health');
    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({ ...RUNNING, reasons: [] });
  });

  it('is 503 with broker, protocol and reason when a broker is down, and the process stays live', async () => {
    const get = await serving({ status: () => BROKER_DOWN });
    const reasons = [
      'broker activemq, MQTT (source room-to-jms): connect ECONNREFUSED 127.0.0.1:1883 ' +
        '[connection-failed, 4 attempts so far]',
    ];
    const ready = await get('/health/ready');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ ready: false, reasons });
    const health = await get('/health');
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({
      ready: false,
      reasons,
      connections: BROKER_DOWN.connections,
    });
    expect((await get('/health/live')).status).toBe(200);
  });

  it('is 503 with broker, protocol and reason when a canary is late, although every connection is up', async () => {
    const late = {
      broker: 'activemq',
      protocol: 'amqp',
      address: 'queue "bridge.canary.activemq-bridge.amqp"',
      state: 'late',
      reason: { code: 'send-timeout', message: 'no canary has come back for 95 s' },
    } as const;
    const back = { broker: 'activemq', protocol: 'mqtt', address: 'mqtt "x"', state: 'back' } as const;
    const get = await serving({ status: () => ({ ...RUNNING, ready: false, canaries: [back, late] }) });
    const ready = await get('/health/ready');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      ready: false,
      reasons: ['broker activemq, AMQP: no canary has come back for 95 s [send-timeout]'],
    });
  });

  it('does not look again for each one of a flood', async () => {
    let looks = 0;
    const get = await serving({
      status: () => {
        looks++;
        return RUNNING;
      },
    });
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 300 }, () => get('/health')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // Ten in each tenth of a second that this took.
    expect(looks).toBeLessThanOrEqual(10 * Math.ceil((performance.now() - began) / 100 + 1));
  });

  it('asks for the status each time', async () => {
    let now = BROKER_DOWN;
    const get = await serving({ status: () => now });
    expect((await get('/health/ready')).status).toBe(503);
    now = RUNNING;
    expect((await get('/health/ready')).status).toBe(200);
  });

  it('says that a draining bridge is not ready although its connections are up', async () => {
    const get = await serving({ status: () => ({ ...RUNNING, state: 'draining' }) });
    const ready = await get('/health/ready');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      ready: false,
      reasons: ['the bridge is stopping: it takes no new messages'],
    });
  });

  it('always has a reason when it is not ready', async () => {
    const get = await serving({ status: () => ({ ...RUNNING, ready: false, connections: [], routes: [] }) });
    expect(await (await get('/health/ready')).json()).toEqual({
      ready: false,
      reasons: ['a route is not subscribed yet'],
    });
  });

  it('is never cached', async () => {
    const get = await serving();
    expect((await get('/health/ready')).headers.get('cache-control')).toBe('no-store');
  });
});

describe('metrics', () => {
  it('are text of the version that the header says, for whoever asks, and never cached', async () => {
    const metrics = { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: async () => 'up 1\n' };
    const get = await serving({ metrics });
    const answer = await get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(metrics.contentType);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.text()).toBe('up 1\n');
  });

  it('that cannot be told are an error of the server, not an empty page', async () => {
    const text = () => Promise.reject(new Error('no'));
    const get = await serving({ metrics: { contentType: 'text/plain', text } });
    expect((await get('/metrics')).status).toBe(500);
  });
});

describe('api', () => {
  it('lists the routes', async () => {
    const get = await serving();
    expect(await (await get('/api/routes')).json()).toEqual(RUNNING.routes);
  });

  it('makes room IDs of 96 bits that are safe in topics, links and arguments', async () => {
    const get = await serving();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => get('/api/rooms', { method: 'POST' })),
    );
    const ids = new Set<unknown>();
    for (const answer of answers) {
      expect(answer.status).toBe(201);
      const { id } = (await answer.json()) as { id: unknown };
      expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{15}$/);
      ids.add(id);
    }
    expect(ids.size).toBe(200);
  });

  describe('with rooms on a broker', () => {
    const LOBBY: RoomAbout = {
      id: 'lobby-1',
      name: 'Lobby',
      createdBy: 'ann',
      createdAt: '2026-01-01T00:00:00.000Z',
    };
    const rooms = {
      create: async (wanted: Pick<RoomAbout, 'name' | 'createdBy'>) => ({ ...LOBBY, ...wanted }),
      list: () => [LOBBY],
    };
    const post = (body?: unknown, headers = {}) => ({
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

    it('makes one with a name, or without', async () => {
      const get = await serving({ rooms });
      const named = await get('/api/rooms', post({ name: ' Garden ', createdBy: 'bob' }));
      expect(named.status).toBe(201);
      expect(await named.json()).toEqual({ ...LOBBY, name: 'Garden', createdBy: 'bob' });
      const nameless = await get('/api/rooms', { method: 'POST' });
      expect(await nameless.json()).toEqual({ ...LOBBY, name: '', createdBy: '' });
    });

    it.each([
      ['no object', ['x'], 'The body has to be a JSON object, or left out.'],
      [
        'a name that is no text',
        { name: 5 },
        '"name" has to be a text of at most 60 characters, without controls.',
      ],
      [
        'a long name',
        { name: 'x'.repeat(61) },
        '"name" has to be a text of at most 60 characters, without controls.',
      ],
      [
        'a name that turns the writing',
        { name: 'a\u202eb' },
        '"name" has to be a text of at most 60 characters, without controls.',
      ],
      [
        'a strange account',
        { createdBy: 'a\nb' },
        '"createdBy" has to be a text of at most 100 characters, without controls.',
      ],
    ])('refuses %s', async (_case, body, message) => {
      const get = await serving({ rooms });
      const answer = await get('/api/rooms', post(body));
      expect(answer.status).toBe(400);
      expect(await answer.json()).toEqual({ error: { code: 'bad-request', message } });
    });

    it('says why a room could not be made', async () => {
      const create = () => Promise.reject(new BridgeError('limit-exceeded', 'there are 1000 rooms already'));
      const get = await serving({ rooms: { ...rooms, create } });
      const answer = await get('/api/rooms', post({}));
      expect(answer.status).toBe(503);
      expect(await answer.json()).toEqual({
        error: {
          code: 'limit-exceeded',
          message: 'The room could not be made: there are 1000 rooms already.',
        },
      });
    });

    it('tells what was said last in one to whoever knows its ID, but no page from elsewhere', async () => {
      const said = { type: 'text', id: '1', from: 'ann', text: 'hi', sentAt: '' } as const;
      const asked: unknown[] = [];
      const last = async (room: string, count: number) => {
        asked.push([room, count]);
        return [said];
      };
      const get = await serving({ history: { last } });
      expect(await (await get('/api/rooms/lobby/messages')).json()).toEqual([said]);
      expect((await get('/api/rooms/Ab-9_/messages?last=3')).status).toBe(200);
      expect(asked).toEqual([
        ['lobby', 50],
        ['Ab-9_', 3],
      ]);
      for (const path of ['a.b/messages', 'a%2Fb/messages', 'lobby/messages?last=0', 'lobby/messages?last=x'])
        expect((await get(`/api/rooms/${path}`)).status, path).toBe(400);
      const foreign = { headers: { origin: 'http://elsewhere.example' } };
      expect((await get('/api/rooms/lobby/messages', foreign)).status).toBe(403);
    });

    it('has nothing from before where no rule keeps it, and says why it cannot be read', async () => {
      const without = await serving({ rooms });
      expect(await (await without('/api/rooms/lobby/messages')).json()).toEqual([]);
      await server?.close();
      const last = () => Promise.reject(new BridgeError('connection-failed', 'nobody is there'));
      const get = await serving({ history: { last } });
      const answer = await get('/api/rooms/lobby/messages');
      expect(answer.status).toBe(503);
      expect(await answer.json()).toEqual({
        error: {
          code: 'connection-failed',
          message: 'What was said before cannot be read: nobody is there.',
        },
      });
    });

    it('lists them for this machine, and neither lists nor makes any for a page from elsewhere', async () => {
      const get = await serving({ rooms });
      expect(await (await get('/api/rooms')).json()).toEqual([LOBBY]);
      const foreign = { origin: 'http://elsewhere.example' };
      expect((await get('/api/rooms', { headers: foreign })).status).toBe(403);
      expect((await get('/api/rooms', post({}, foreign))).status).toBe(403);
      expect((await get('/api/rooms', { headers: { 'x-forwarded-for': '10.0.0.1' } })).status).toBe(403);
    });
  });

  it('tells the page where MQTT over WebSocket is', async () => {
    const get = await serving({ config: { chat: 'ws://localhost:61614' } });
    expect(await (await get('/api/settings')).json()).toEqual({ mqttWebSocketUrl: 'ws://localhost:61614' });
  });

  it('says null when the mapping file names no WebSocket', async () => {
    const get = await serving();
    expect(await (await get('/api/settings')).json()).toEqual({ mqttWebSocketUrl: null });
  });
});

describe('page and headers', () => {
  it('serves the built page', async () => {
    const get = await serving();
    const page = await get('/');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('the page');
  });

  it('serves nothing outside of the page directory', async () => {
    const get = await serving();
    expect((await get('/%2e%2e/%2e%2e/package.json')).status).not.toBe(200);
    expect((await get('/..%2f..%2fpackage.json')).status).not.toBe(200);
  });

  it('allows scripts from itself and connections to the chat broker only', async () => {
    const get = await serving({ config: { chat: 'ws://localhost:61614/mqtt?a=;script-src *' } });
    const { headers } = await get('/');
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'self';connect-src 'self' ws://localhost:61614;base-uri 'none';form-action 'self';" +
        "frame-ancestors 'none';object-src 'none'",
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-powered-by')).toBeNull();
  });

  it('opens no connection for a chat setting that is no WebSocket URL', async () => {
    const get = await serving({ config: { chat: 'http://elsewhere.example' } });
    expect((await get('/')).headers.get('content-security-policy')).toContain("connect-src 'self';");
  });
});

describe('errors', () => {
  const json = { 'content-type': 'application/json' };

  it.each([
    ['an unknown path', 404, 'not-found', '/nothing', undefined],
    ['a method that is not offered', 404, 'not-found', '/api/routes', { method: 'DELETE' }],
    ['malformed JSON', 400, 'bad-request', '/api/rooms', { method: 'POST', headers: json, body: '{"a":' }],
    [
      'a body over 10 kB',
      413,
      'body-too-large',
      '/api/rooms',
      { method: 'POST', headers: json, body: JSON.stringify('x'.repeat(11_000)) },
    ],
    ['malformed percent-encoding', 404, 'not-found', '/%zz', undefined],
  ])('%s is %i %s as JSON', async (_case, status, code, path, init) => {
    const get = await serving();
    const answer = await get(path, init);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({ error: { code, message: expect.any(String) } });
  });

  it('keeps what went wrong inside for the log: no text of it, no stack in the answer', async () => {
    const logged: Array<Fields | undefined> = [];
    const log = { ...silentLog, error: (_event: string, fields?: Fields) => logged.push(fields) };
    const get = await serving({
      log,
      status: () => {
        throw new Error('inner detail');
      },
    });
    const answer = await get('/health');
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(text).not.toContain('inner detail');
    expect(text).not.toContain('server.ts');
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'internal' } });
    expect(logged).toEqual([{ method: 'GET', path: '/health', reason: 'inner detail' }]);
  });
});

describe('POST /api/reload', () => {
  it('answers what the reload did', async () => {
    const get = await serving();
    const answer = await get('/api/reload', { method: 'POST' });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(UNCHANGED);
  });

  it('answers 422 with every problem when the file is not valid', async () => {
    const refused: ReloadOutcome = { ok: false, at: UNCHANGED.at, problems: ['f.yaml:1:1: error: no'] };
    const get = await serving({ reload: async () => refused });
    const answer = await get('/api/reload', { method: 'POST' });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual(refused);
  });

  it.each([
    ['a page of another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a name that was made to point here', { Host: 'evil.example' }],
    ['a page of another site in a browser that knows no Fetch Metadata', { Origin: 'https://evil.example' }],
    ['somebody behind a proxy on this machine', { 'X-Forwarded-For': '203.0.113.7' }],
  ])('does nothing for %s', async (_, headers) => {
    let reloads = 0;
    await serving({
      reload: async () => {
        reloads++;
        return UNCHANGED;
      },
    });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = { port: server?.port, path: '/api/reload', method: 'POST', headers };
      request({ host: '127.0.0.1', ...options }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect({ status, reloads }).toEqual({ status: 403, reloads: 0 });
  });
});

describe('start and close', () => {
  it('names address and setting when the port is in use', async () => {
    await serving();
    const port = server?.port ?? 0;
    const second = startHttp({
      config: { host: '127.0.0.1', port },
      status: () => RUNNING,
      reload: async () => UNCHANGED,
      log: silentLog,
      webRoot,
    });
    const error: unknown = await second.then(undefined, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(BridgeError);
    expect(error).toMatchObject({
      code: 'missing-prerequisite',
      message:
        `cannot listen on 127.0.0.1:${port}: another program listens there already; ` +
        'set http.port (or http.host) in the mapping file; mappings/chat.yaml reads it from HTTP_PORT',
    });
  });

  it('closes although a client keeps its connection open and silent', async () => {
    const get = await serving();
    await (await get('/health/live')).text();
    const stuck = connect(server?.port ?? 0, '127.0.0.1');
    const ended = new Promise<void>((resolve) => stuck.once('close', () => resolve()));
    stuck.on('error', () => {});
    await new Promise<void>((resolve) => stuck.once('connect', () => resolve()));
    stuck.write('GET /health HTTP/1.1\r\n');
    await server?.close();
    await ended;
    await expect(get('/health/live')).rejects.toThrow();
  });

  it('closes once however often it is asked to', async () => {
    await serving();
    await Promise.all([server?.close(), server?.close()]);
    await server?.close();
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdminConfig } from '../../../bridge/config/config.js';
import {
  type DeadLetterFilter,
  type DeadLetterVerbs,
  glimpseOf,
  type Verb,
} from '../../../bridge/dead-letters.js';
import { BridgeError } from '../../../bridge/errors.js';
import type { DeadLetter } from '../../../bridge/flow/dead-letter.js';
import type { Dashboard } from '../../../bridge/http/dashboard-api.js';
import { type HttpServer, startHttp } from '../../../bridge/http/server.js';
import { type Fields, type Log, silentLog } from '../../../bridge/observability/log.js';
import type { Problem } from '../../../bridge/observability/recent-problems.js';
import { Secret } from '../../../bridge/secret.js';
import type { BridgeStatus, ConnectionStatus, Topology } from '../../../bridge/status.js';
import { chat } from '../../support/memory-flow.js';

const TOKEN = 'correct-horse-battery';
const ADMIN: AdminConfig = { token: new Secret(TOKEN), tail: true };
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` };

const connection = (name: string, more: Partial<ConnectionStatus> = {}): ConnectionStatus => ({
  name,
  broker: 'activemq',
  protocol: 'stomp',
  state: 'up',
  since: '2026-01-01T00:00:01.000Z',
  attempts: 0,
  reconnects: 0,
  ...more,
});

const STATUS: BridgeStatus = {
  ready: true,
  state: 'running',
  startedAt: '2026-01-01T00:00:00.000Z',
  connections: [connection('a', { protocol: 'mqtt' }), connection('b'), connection('c')],
  routes: [
    {
      name: 'room-to-jms',
      state: 'running',
      received: 3,
      delivered: 2,
      duplicates: 0,
      lost: 0,
      filtered: 0,
      retried: 0,
      deadLettered: 0,
      deadLetterReasons: {},
      expired: 0,
      inFlight: 1,
      oldestInFlightSeconds: 0,
    },
  ],
};

const END = { broker: 'activemq', protocol: 'stomp' } as const;
const TOPOLOGY: Topology = {
  brokers: [
    { name: 'activemq', type: 'activemq' },
    { name: 'spare', type: 'artemis' },
  ],
  routes: [
    {
      name: 'room-to-jms',
      from: { broker: 'activemq', protocol: 'mqtt', kind: 'mqtt', name: 'chat/{room}/messages' },
      to: [{ ...END, kind: 'queue', name: 'chat-archive' }],
      deadLetter: { ...END, kind: 'queue', name: 'bridge.dead-letter' },
    },
  ],
};

const PROBLEM: Problem = {
  level: 'warn',
  event: 'dead-lettered',
  fields: { route: 'room-to-jms', from: 'mqtt "chat/secret-room"', code: 'message-refused', reason: 'no' },
  count: 2,
  at: '2026-01-01T00:00:02.000Z',
};

const LETTER: DeadLetter = {
  id: 'one',
  route: 'room-to-jms',
  reason: 'destination-refused',
  error: 'not allowed',
  attempts: 1,
  time: '2026-01-01T00:00:02.000Z',
  destination: 'queue chat-archive on activemq',
  source: 'mqtt chat/lobby/messages',
  bytes: 4000,
  original: { ...chat('lobby', ''), body: Buffer.from(`${'x'.repeat(1023)}é${'y'.repeat(100)}`) },
};

const handlesNone: Verb = async () => ({ isComplete: true });
const VERBS: DeadLetterVerbs = {
  survey: async () => ({ letters: [glimpseOf(LETTER)], more: false, unread: [] }),
  replay: handlesNone,
  drop: handlesNone,
};

let webRoot: string;
let server: HttpServer | undefined;

beforeEach(async () => {
  webRoot = await mkdtemp(join(tmpdir(), 'bridge-dashboard-'));
  await writeFile(join(webRoot, 'dashboard.html'), '<!doctype html><title>the dashboard</title>');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(webRoot, { recursive: true });
});

interface Given {
  readonly admin?: AdminConfig | undefined;
  readonly status?: BridgeStatus;
  readonly verbs?: Partial<DeadLetterVerbs>;
  readonly tail?: Dashboard['tail'];
  readonly log?: Log;
}

/** A running server; the answer fetches a path from it. */
async function serving({ status = STATUS, verbs = {}, tail, log = silentLog, ...given }: Given = {}) {
  const admin = 'admin' in given ? given.admin : ADMIN;
  server = await startHttp({
    config: { host: '127.0.0.1', port: 0, ...(admin === undefined ? {} : { admin }) },
    status: () => status,
    reload: () => Promise.reject(new Error('nobody reloads here')),
    log,
    dashboard: {
      topology: () => TOPOLOGY,
      problems: () => [PROBLEM],
      deadLetters: { ...VERBS, ...verbs },
      ...(tail === undefined ? {} : { tail }),
    },
    webRoot,
  });
  const base = `http://127.0.0.1:${server.port}`;
  return (path: string, init?: RequestInit) => fetch(base + path, init);
}

const post = (body: unknown, headers: Record<string, string> = WITH_TOKEN): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

it('serves the page at /dashboard', async () => {
  const get = await serving();
  const page = await get('/dashboard');
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(await page.text()).toContain('the dashboard');
});

describe('GET /api/overview', () => {
  it('tells brokers, routes with their ends, problems, and what may be done', async () => {
    const get = await serving();
    const answer = await get('/api/overview');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toEqual({
      ready: true,
      state: 'running',
      startedAt: STATUS.startedAt,
      clock: expect.any(Number),
      reasons: [],
      brokers: [
        {
          name: 'activemq',
          type: 'activemq',
          state: 'up',
          protocols: [
            { protocol: 'mqtt', connections: 1, up: 1 },
            { protocol: 'stomp', connections: 2, up: 2 },
          ],
          attempts: 0,
          since: '2026-01-01T00:00:01.000Z',
        },
        { name: 'spare', type: 'artemis', state: 'unused', protocols: [], attempts: 0 },
      ],
      routes: [{ ...TOPOLOGY.routes[0], ...STATUS.routes[0] }],
      problems: [{ ...PROBLEM, fields: { route: 'room-to-jms', code: 'message-refused' } }],
      admin: { available: true, granted: false, tail: false },
      chat: false,
    });
  });

  it('is 200 too when a broker is down, with the reason and the most attempts', async () => {
    const reason = { code: 'connection-failed', message: 'connect ECONNREFUSED' } as const;
    const down = { state: 'waiting', reason } as const;
    const connections = [
      connection('a'),
      connection('b', { ...down, attempts: 2 }),
      connection('c', { ...down, attempts: 7 }),
    ];
    const get = await serving({ status: { ...STATUS, ready: false, connections } });
    const answer = await get('/api/overview');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      ready: false,
      reasons: [expect.stringContaining('connect ECONNREFUSED'), expect.any(String)],
      brokers: [
        { state: 'partly', reason, attempts: 7, protocols: [{ connections: 3, up: 1 }] },
        { state: 'unused' },
      ],
    });
  });

  it('tells of hundreds of connections that are down only the first reasons', async () => {
    const connections = Array.from({ length: 300 }, (_, n) => connection(`c${n}`, { state: 'waiting' }));
    const get = await serving({ status: { ...STATUS, ready: false, connections } });
    const { reasons } = (await (await get('/api/overview')).json()) as { reasons: string[] };
    expect(reasons).toHaveLength(20);
  });

  it('shows where a single message came from only to who has the token', async () => {
    const get = await serving();
    const { problems, admin } = (await (await get('/api/overview', { headers: WITH_TOKEN })).json()) as {
      problems: unknown;
      admin: unknown;
    };
    expect(problems).toEqual([PROBLEM]);
    expect(admin).toEqual({ available: true, granted: true, tail: false });
  });

  it('refuses a wrong token instead of ignoring it', async () => {
    const get = await serving();
    const answer = await get('/api/overview', { headers: { authorization: 'Bearer correct-horse' } });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { code: 'token-wrong' } });
  });
});

describe('the admin token', () => {
  const PATHS: ReadonlyArray<readonly [path: string, init: RequestInit]> = [
    ['/api/dead-letters', {}],
    ['/api/dead-letters/replay', { method: 'POST' }],
    ['/api/dead-letters/drop', { method: 'POST' }],
    ['/api/routes/room-to-jms/tail', {}],
  ];
  const forbidden: Verb & DeadLetterVerbs['survey'] = () => {
    throw new Error('nobody may come here');
  };
  const VERBS_NOT_TO_BE_CALLED = { survey: forbidden, replay: forbidden, drop: forbidden };

  it.each(PATHS)('%s wants it', async (path, init) => {
    const get = await serving({ verbs: VERBS_NOT_TO_BE_CALLED, tail: () => ({ messages: [], seen: 0 }) });
    const answer = await get(path, init);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="activemq-bridge"');
    expect(await answer.json()).toMatchObject({ error: { code: 'token-missing' } });
  });

  it.each([
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    'Bearer',
    'Bearer ',
    TOKEN,
    `Basic ${Buffer.from(`admin:${TOKEN}`).toString('base64')}`,
    `Bearer ${TOKEN}, Bearer ${TOKEN}`,
    `Bearer ${'x'.repeat(5_000)}`,
  ])('as %j is refused', async (authorization) => {
    const get = await serving({ verbs: VERBS_NOT_TO_BE_CALLED });
    for (const [path, init] of PATHS) {
      const answer = await get(path, { ...init, headers: { authorization } });
      expect(answer.status).toBe(401);
      const text = await answer.text();
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'token-wrong' } });
      expect(text).not.toContain(TOKEN);
    }
  });

  it('is not taken from the query, a cookie or the body', async () => {
    const get = await serving({ verbs: VERBS_NOT_TO_BE_CALLED });
    expect((await get(`/api/dead-letters?token=${TOKEN}&access_token=${TOKEN}`)).status).toBe(401);
    expect((await get('/api/dead-letters', { headers: { cookie: `token=${TOKEN}` } })).status).toBe(401);
    expect((await get('/api/dead-letters/drop', post({ all: true, token: TOKEN }, {}))).status).toBe(401);
  });

  it('may come with any case of the scheme (RFC 9110, 11.1)', async () => {
    const get = await serving();
    expect((await get('/api/dead-letters', { headers: { authorization: `bearer ${TOKEN}` } })).status).toBe(
      200,
    );
  });

  it.each(PATHS)('%s says how to switch it on where there is none', async (path, init) => {
    const get = await serving({ admin: undefined, verbs: VERBS_NOT_TO_BE_CALLED });
    const answer = await get(path, { ...init, headers: WITH_TOKEN });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({
      error: { code: 'admin-off', message: expect.stringContaining('http.admin.token') },
    });
  });

  it('is in no answer and no line of the log', async () => {
    const lines: string[] = [];
    const note = (event: string, fields?: Fields) => void lines.push(JSON.stringify([event, fields]));
    const fails: Verb = () => Promise.reject(new Error('inner'));
    const get = await serving({
      log: { debug: note, info: note, warn: note, error: note },
      verbs: { replay: fails },
    });
    const texts = await Promise.all(
      [
        get('/api/overview', { headers: WITH_TOKEN }),
        get('/api/dead-letters/replay', post({ all: true })),
      ].map(async (answer) => (await answer).text()),
    );
    expect([...lines, ...texts].join('\n')).not.toContain(TOKEN);
  });

  it('does not get a foreign page in: the browser asks first, and gets no leave', async () => {
    const get = await serving();
    const asked = await get('/api/dead-letters/drop', {
      method: 'OPTIONS',
      headers: {
        origin: 'https://elsewhere.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
    expect(asked.headers.get('access-control-allow-headers')).toBeNull();
  });
});

describe('dead letters', () => {
  const list = (get: Awaited<ReturnType<typeof serving>>, query = '') =>
    get(`/api/dead-letters${query}`, { headers: WITH_TOKEN });

  it('are listed with the beginning of their bodies, cut between characters', async () => {
    const get = await serving();
    const answer = await list(get);
    const { original: _original, ...letter } = LETTER;
    expect(await answer.json()).toEqual({
      letters: [{ ...letter, body: 'x'.repeat(1023) }],
      more: false,
      unread: [],
    });
  });

  it('are asked for with limit and filter', async () => {
    const asked: unknown[] = [];
    const survey: DeadLetterVerbs['survey'] = async (filter, limit) => {
      asked.push([filter, limit]);
      return { letters: [], more: true, unread: [{ broker: 'mq', queue: 'dead', reason: 'down' }] };
    };
    const get = await serving({ verbs: { survey } });
    await list(get);
    const answer = await list(get, '?route=a&reason=mapping-failed&limit=7');
    expect(asked).toEqual([
      [{}, 50],
      [{ route: 'a', reason: 'mapping-failed' }, 7],
    ]);
    expect(await answer.json()).toMatchObject({ more: true, unread: [{ reason: 'down' }] });
  });

  it.each([
    '?limit=0',
    '?limit=501',
    '?limit=x',
    '?route=',
    '?rute=a',
    `?route=${'x'.repeat(201)}`,
    '?route[a]=b',
  ])('are not listed for %s', async (query) => {
    const get = await serving();
    const answer = await list(get, query);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'bad-request' } });
  });

  it.each(['replay', 'drop'] as const)(
    '%s says what was done and what stays, the first of many',
    async (verb) => {
      const asked: DeadLetterFilter[] = [];
      const act: Verb = async (filter, onHandled) => {
        asked.push(filter);
        onHandled({ letter: LETTER });
        for (let n = 0; n < 30; n++) onHandled({ letter: LETTER, problem: 'still not allowed' });
        return { isComplete: false };
      };
      const get = await serving({ verbs: { [verb]: act } });
      const answer = await get(`/api/dead-letters/${verb}`, post({ id: 'one' }));
      const result = (await answer.json()) as { stayed: unknown[] };
      expect(result).toMatchObject({ done: 1, stay: 30, isComplete: false });
      expect(result.stayed).toHaveLength(20);
      expect(result.stayed[0]).toMatchObject({ id: 'one', problem: 'still not allowed' });
      await get(`/api/dead-letters/${verb}`, post({ all: true }));
      await get(`/api/dead-letters/${verb}`, post({ route: 'a', reason: 'b' }));
      expect(asked).toEqual([{ id: 'one' }, {}, { route: 'a', reason: 'b' }]);
    },
  );

  it.each([{}, { all: false }, { all: true, more: 1 }, { id: 5 }, { id: '' }, [], 'all', null])(
    'are not touched for %j: nobody drops all of them by a slip',
    async (body) => {
      const drop: Verb = () => Promise.reject(new Error('must not be called'));
      const get = await serving({ verbs: { drop } });
      const answer = await get('/api/dead-letters/drop', post(body));
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: { code: 'bad-request' } });
    },
  );

  it('are not touched without a body', async () => {
    const get = await serving();
    const answer = await get('/api/dead-letters/drop', { method: 'POST', headers: WITH_TOKEN });
    expect(answer.status).toBe(400);
  });

  it('tells that their broker cannot be reached', async () => {
    const replay: Verb = () => Promise.reject(new BridgeError('connection-failed', 'connect ECONNREFUSED'));
    const get = await serving({ verbs: { replay } });
    const answer = await get('/api/dead-letters/replay', post({ all: true }));
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual({
      error: { code: 'connection-failed', message: 'connect ECONNREFUSED' },
    });
  });

  it('are handled for one request at a time, of which a few may wait', async () => {
    let running = 0;
    let most = 0;
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const survey: DeadLetterVerbs['survey'] = async () => {
      most = Math.max(most, ++running);
      await released;
      running--;
      return { letters: [], more: false, unread: [] };
    };
    const get = await serving({ verbs: { survey } });
    const answers = Array.from({ length: 20 }, () => list(get));
    // Those that may not wait are told so at once; the others have to wait for the first.
    const refused = await Promise.race(answers);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'busy' } });
    release();
    const codes = (await Promise.all(answers)).map(({ status }) => status);
    expect(most).toBe(1);
    expect(codes.filter((code) => code === 200).length).toBeGreaterThanOrEqual(8);
    expect(new Set(codes)).toEqual(new Set([200, 503]));
  });

  it('stops the work of a request whose sender is gone', async () => {
    let aborted: () => void = () => {};
    const seen = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const gone = new AbortController();
    const replay: Verb = async (_filter, _onHandled, stop) => {
      stop.addEventListener('abort', () => aborted());
      gone.abort();
      await seen;
      return { isComplete: true };
    };
    const get = await serving({ verbs: { replay } });
    await expect(
      get('/api/dead-letters/replay', { ...post({ all: true }), signal: gone.signal }),
    ).rejects.toThrow();
    await seen;
    expect((await list(get)).status).toBe(200);
  });
});

describe('the tail of a route', () => {
  const tail = { messages: [], seen: 0 };
  const ask = async (given: Given, route = 'room-to-jms') => {
    const get = await serving(given);
    return get(`/api/routes/${route}/tail`, { headers: WITH_TOKEN });
  };

  it('is told to who has the token, where it is switched on', async () => {
    const asked: string[] = [];
    const answer = await ask({
      tail: (route) => {
        asked.push(route);
        return tail;
      },
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(tail);
    expect(asked).toEqual(['room-to-jms']);
  });

  it('says how to switch it on', async () => {
    const answer = await ask({});
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({
      error: { code: 'tail-off', message: expect.stringContaining('http.admin.tail') },
    });
  });

  it('begins for no route that is not there', async () => {
    const answer = await ask({ tail: () => tail }, 'no-such-route');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { code: 'not-found' } });
  });

  it('says that too many are watched', async () => {
    expect((await ask({ tail: () => undefined })).status).toBe(503);
  });
});

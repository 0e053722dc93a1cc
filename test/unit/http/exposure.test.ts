import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HttpConfig } from '../../../bridge/config/config.js';
import { type HttpServer, startHttp } from '../../../bridge/http/server.js';
import { silentLog } from '../../../bridge/observability/log.js';
import { Secret } from '../../../bridge/secret.js';
import { type Authority, contentOf, createAuthority } from '../../support/certificates.js';
import { eventually } from '../../support/eventually.js';

const HERE = { host: '127.0.0.1', port: 0 };
const TOKEN = 'a-token-of-sixteen';
const admin = (token = TOKEN) => ({ token: new Secret(token), tail: false });

let server: HttpServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(config: HttpConfig): Promise<HttpServer> {
  server = await startHttp({
    config,
    status: () => ({ ready: true, state: 'running', startedAt: '', connections: [], routes: [] }),
    reload: async () => ({
      ok: true,
      at: '',
      changes: { unchanged: [], changed: [], added: [], removed: [], left: [] },
      notes: [],
    }),
    log: silentLog,
    webRoot: 'no-such-folder',
  });
  return server;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('a reload that is asked for through a proxy', () => {
  const reload = (port: number, headers: Readonly<Record<string, string>>) =>
    fetch(`http://127.0.0.1:${port}/api/reload`, {
      method: 'POST',
      headers: { 'x-forwarded-for': '192.0.2.1', ...headers },
    });

  it('needs the admin token', async () => {
    const { port } = await start({ ...HERE, admin: admin() });
    expect((await reload(port, {})).status).toBe(403);
    expect((await reload(port, bearer('not-the-token-at-all'))).status).toBe(401);
    expect((await reload(port, bearer(TOKEN))).status).toBe(200);
  });

  it('is refused whatever it brings where there is no token', async () => {
    const { port } = await start(HERE);
    expect((await reload(port, bearer(TOKEN))).status).toBe(403);
    expect((await reload(port, bearer(''))).status).toBe(403);
  });

  it('goes by the token of the rules in force', async () => {
    const { port, update } = await start({ ...HERE, admin: admin() });
    expect(update({ ...HERE, admin: admin('another-token-of-more') })).toBe(true);
    expect((await reload(port, bearer(TOKEN))).status).toBe(401);
    expect((await reload(port, bearer('another-token-of-more'))).status).toBe(200);
    expect(update({ ...HERE, port: 1, admin: admin() })).toBe(false);
  });
});

describe('the API', () => {
  it('answers 429 to an address that asks too often, and health goes on', async () => {
    const { port } = await start(HERE);
    let refused: Response | undefined;
    for (let asked = 0; asked < 6_500 && refused === undefined; asked++) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/settings`);
      if (answer.status === 429) refused = answer;
      else await answer.arrayBuffer();
    }
    expect(await refused?.json()).toMatchObject({ error: { code: 'too-many-requests' } });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  });
});

describe('connections that ask for nothing', () => {
  it.each([
    ['a head', 'GET /health HTTP/1.1\r\nX-Slow: '],
    [
      'a body',
      'POST /api/rooms HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n',
    ],
    ['a body that nobody reads', 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n'],
  ])('give way to one that does: %s without an end', async (_what, beginning) => {
    const { port } = await start(HERE);
    const silent: Socket[] = [];
    let closed = 0;
    for (let n = 0; n < 400; n++) {
      const socket = connect(port, '127.0.0.1');
      socket
        .on('error', () => {})
        .on('close', () => closed++)
        .resume();
      socket.write(beginning);
      silent.push(socket);
    }
    // Of 400 the latest 256 may stay.
    await eventually(() => closed >= 144);
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    for (const socket of silent) socket.destroy();
  });
});

describe('HTTPS', () => {
  let authority: Authority;
  let ca: Buffer;
  beforeAll(async () => {
    authority = await createAuthority('pages');
    ca = await readFile(authority.ca);
  });
  afterAll(() => authority?.remove());

  interface Answer {
    readonly status: number | undefined;
    readonly serial: string;
    readonly hsts: string | undefined;
  }
  const get = (port: number, client: { cert?: Buffer; key?: Buffer } = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const asked = request(
        { port, host: 'localhost', path: '/health', ca, agent: false, ...client },
        (response) => {
          const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
          response.resume();
          resolve({
            status: response.statusCode,
            serial: serialNumber,
            hsts: response.headers['strict-transport-security'],
          });
        },
      );
      asked.once('error', reject);
      asked.end();
    });

  it('is spoken with the certificate of the mapping file, and with a new one once that is replaced', async () => {
    const first = await contentOf(await authority.server('first', 'localhost'));
    const second = await contentOf(await authority.server('second', 'localhost'));
    const { port, update } = await start({ ...HERE, tls: first });
    const before = await get(port);
    expect(before).toMatchObject({ status: 200, hsts: undefined });
    expect(update({ ...HERE, tls: second })).toBe(true);
    const after = await get(port);
    expect(after.status).toBe(200);
    expect(after.serial).not.toBe(before.serial);
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
  });

  it('asks for a client certificate where the mapping file names its authority', async () => {
    const tls = await contentOf(await authority.server('pages', 'localhost'));
    const { port } = await start({ ...HERE, tls: { ...tls, ca } });
    await expect(get(port)).rejects.toThrow();
    expect(await get(port, await contentOf(await authority.client('operator')))).toMatchObject({
      status: 200,
    });
  });
});

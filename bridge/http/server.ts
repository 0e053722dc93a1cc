import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { fileURLToPath } from 'node:url';
import type { HttpConfig } from '../config/config.js';
import { fingerprint } from '../config/fingerprint.js';
import { asBridgeError, BridgeError } from '../errors.js';
import type { Log } from '../observability/log.js';
import type { Metrics } from '../observability/metrics.js';
import type { BridgeStatus, ReloadOutcome } from '../status.js';
import { createApp } from './app.js';
import type { Dashboard } from './dashboard-api.js';
import type { Rooms } from './rooms.js';
import { limitSilent } from './silent-connections.js';

export interface HttpOptions {
  readonly config: HttpConfig;
  readonly status: () => BridgeStatus;
  /** Reads the mapping file again; never rejects. */
  readonly reload: () => Promise<ReloadOutcome>;
  /** Undefined when the mapping file has no chat. */
  readonly rooms?: Rooms;
  readonly log: Log;
  readonly dashboard?: Dashboard;
  readonly metrics?: Metrics;
  /** Directory with the built pages; by default the one that `npm run build` makes. */
  readonly webRoot?: string;
}

export interface HttpServer {
  /** The port it listens on, also when the setting was 0. */
  readonly port: number;
  /** Goes over to another admin token and other TLS files. False when there are settings that only a new start can bring. */
  update(config: HttpConfig): boolean;
  /** Stops listening, lets running requests finish, and is done within two seconds. */
  close(): Promise<void>;
}

const CLOSE_DEADLINE_MS = 1_500;

/**
 * Nothing here uploads: a client that takes longer is stuck or means no good. Node looks for such clients only
 * once an interval, so that one is lowered with them.
 */
const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 2_000 };
const MAX_CONNECTIONS = 512;
/** Of these, connections that are waited for: a request's head has not come, or the next one's. */
const MAX_SILENT = 256;
/** The least that browsers and brokers of today speak. Client certificates are asked for where the file names their authorities. */
const TLS = { minVersion: 'TLSv1.2', handshakeTimeout: LIMITS.headersTimeout } as const;

/** Compiled, this file is dist/bridge/http/server.js; from source, bridge/http/server.ts: one level less. */
const BUILT_PAGE = import.meta.url.endsWith('.ts') ? '../../dist/web' : '../../web';

/**
 * Serves health, metrics, the small API, the chat page and the dashboard.
 * Rejects with `missing-prerequisite` when the address cannot be listened on, naming it and its setting.
 */
export async function startHttp({ webRoot, ...options }: HttpOptions): Promise<HttpServer> {
  const { config, log } = options;
  const root = webRoot ?? fileURLToPath(new URL(BUILT_PAGE, import.meta.url));
  let app = createApp({ ...options, webRoot: root });
  const answer: RequestListener = (request, response) => app(request, response);
  const { tls } = config;
  const server =
    tls === undefined
      ? createServer(LIMITS, answer)
      : createTlsServer({ ...LIMITS, ...TLS, ...tls, requestCert: tls.ca !== undefined }, answer);
  server.maxConnections = MAX_CONNECTIONS;
  limitSilent(server, MAX_SILENT);
  let closing = false;
  // A kept-alive connection would otherwise outlive close(): it was busy when the idle ones were closed.
  server.prependListener('request', (_request, response) => {
    if (closing) response.setHeader('Connection', 'close');
  });
  const port = await listen(server, config);
  server.on('error', (error) => log.error('http.server-failed', { reason: error.message }));
  log.info('http.listening', { host: config.host, port, tls: tls !== undefined });

  let closed: Promise<void> | undefined;
  const close = () => {
    closing = true;
    closed ??= closeServer(server);
    return closed;
  };
  let inForce = fingerprint(config.admin, config.tls);
  const update = (next: HttpConfig): boolean => {
    const wanted = fingerprint(next.admin, next.tls);
    if (wanted === inForce) return fixedPart(next) === fixedPart(config);
    if (server instanceof TlsServer && next.tls !== undefined)
      server.setSecureContext({ ...TLS, ...next.tls });
    const { admin: _admin, ...rest } = config;
    app = createApp({
      ...options,
      config: { ...rest, ...(next.admin === undefined ? {} : { admin: next.admin }) },
      webRoot: root,
    });
    inForce = wanted;
    return fixedPart(next) === fixedPart(config);
  };
  return { port, update, close };
}

/** What a running server cannot change. */
const fixedPart = ({ host, port, chat, admin, tls }: HttpConfig): string =>
  JSON.stringify([host, port, chat, admin?.tail ?? false, tls !== undefined, tls?.ca !== undefined]);

function listen(server: Server, { host, port }: HttpConfig): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port));
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): BridgeError {
  const setting =
    'set http.port (or http.host) in the mapping file; mappings/chat.yaml reads it from HTTP_PORT';
  const why = new Map([
    ['EADDRINUSE', 'another program listens there already'],
    ['EACCES', 'this account may not listen there'],
    ['EADDRNOTAVAIL', 'this machine has no such address'],
  ]).get(error.code ?? '');
  if (why === undefined)
    return asBridgeError(error, 'missing-prerequisite', `cannot listen on ${host}:${port}`);
  return new BridgeError('missing-prerequisite', `cannot listen on ${host}:${port}: ${why}; ${setting}`, {
    cause: error,
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), CLOSE_DEADLINE_MS);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}

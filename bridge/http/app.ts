import express, { type Express } from 'express';
import type { HttpConfig } from '../config/config.js';
import type { Log } from '../observability/log.js';
import type { Metrics } from '../observability/metrics.js';
import type { BridgeStatus, ReloadOutcome } from '../status.js';
import { localOrAdmin } from './admin-only.js';
import { type Dashboard, dashboardApi } from './dashboard-api.js';
import { errorHandler, notFound } from './errors.js';
import { securityHeaders } from './headers.js';
import { metricsPage } from './metrics.js';
import { rateLimited } from './rate-limit.js';
import { isReady, isStandingBy, reasonsOf } from './reasons.js';
import { type Rooms, roomsRouter } from './rooms.js';

export interface AppOptions {
  readonly config: HttpConfig;
  readonly status: () => BridgeStatus;
  readonly reload: () => Promise<ReloadOutcome>;
  /** Undefined when the mapping file has no chat. */
  readonly rooms?: Rooms;
  readonly log: Log;
  /** Without it the dashboard has nothing to show. */
  readonly dashboard?: Dashboard;
  /** Without them nothing answers /metrics. */
  readonly metrics?: Metrics;
  /** Directory with the built pages. */
  readonly webRoot: string;
}

/** Every path the bridge answers (design.md, section 6). It reads the status and asks for a reload; it touches no flow. */
export function createApp({
  config,
  status,
  reload,
  rooms,
  log,
  dashboard,
  metrics,
  webRoot,
}: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(securityHeaders(config.chat));
  app.use(['/health', '/metrics', '/api'], (_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
  app.use('/api', rateLimited());
  app.use('/api', express.json({ limit: '10kb' }));

  // Alive says only that the process turns: a broker that is down must not get the bridge restarted.
  app.get('/health/live', (_request, response) => {
    response.json({ live: true });
  });
  app.get('/health/ready', ({ query }, response) => {
    const now = status();
    const ready = isReady(now) || (query.standby === 'ok' && isStandingBy(now));
    response.status(ready ? 200 : 503).json({ ready, reasons: reasonsOf(now) });
  });
  app.get('/health', (_request, response) => {
    const now = status();
    const ready = isReady(now);
    response.status(ready ? 200 : 503).json({ ...now, ready, reasons: reasonsOf(now) });
  });
  if (metrics !== undefined) app.get('/metrics', metricsPage(metrics));
  app.get('/api/routes', (_request, response) => {
    response.json(status().routes);
  });
  app.post('/api/reload', localOrAdmin(config), async (_request, response) => {
    const outcome = await reload();
    response.status(outcome.ok ? 200 : 422).json(outcome);
  });
  app.use('/api/rooms', roomsRouter(rooms ?? {}));
  app.get('/api/settings', (_request, response) => {
    response.json({ mqttWebSocketUrl: config.chat ?? null });
  });

  if (dashboard !== undefined) app.use('/api', dashboardApi(dashboard, status, config));

  // The page's file names stay the same from build to build: a browser has to ask whether they changed.
  app.use(
    express.static(webRoot, {
      // `/dashboard` is dashboard.html.
      extensions: ['html'],
      cacheControl: false,
      setHeaders: (response) => {
        response.setHeader('Cache-Control', 'no-cache');
      },
    }),
  );
  app.use(notFound);
  app.use(errorHandler(log));
  return app;
}

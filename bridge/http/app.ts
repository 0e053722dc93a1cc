import type { RequestListener } from 'node:http';
import express from 'express';
import type { HttpConfig } from '../config/config.js';
import type { Log } from '../observability/log.js';
import type { Metrics } from '../observability/metrics.js';
import type { BridgeStatus, ReloadOutcome } from '../status.js';
import { localOrAdmin } from './admin-only.js';
import { type Dashboard, dashboardApi } from './dashboard-api.js';
import { errorHandler, notFound } from './errors.js';
import { securityHeaders } from './headers.js';
import { healthAnswers } from './health.js';
import { metricsPage } from './metrics.js';
import { rateLimited } from './rate-limit.js';
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
}: AppOptions): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  const headers = securityHeaders(config.chat);
  app.use(headers);
  const answersHealth = healthAnswers(status, headers);
  app.use((request, response, next) => {
    if (!answersHealth(request, response)) next();
  });
  app.use(['/health', '/metrics', '/api'], (_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
  app.use('/api', rateLimited());
  app.use('/api', express.json({ limit: '10kb' }));
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
  return (request, response) => {
    if (!answersSafely(answersHealth, request, response)) app(request, response);
  };
}

/** What it throws it throws again in express, which has a handler for it. */
function answersSafely(
  answers: ReturnType<typeof healthAnswers>,
  ...asked: Parameters<typeof answers>
): boolean {
  try {
    return answers(...asked);
  } catch {
    return false;
  }
}

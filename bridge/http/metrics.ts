import type { RequestHandler } from 'express';
import type { Metrics } from '../observability/metrics.js';

/** `GET /metrics`, for Prometheus. It tells no more than /health. */
export const metricsPage =
  ({ contentType, text }: Metrics): RequestHandler =>
  async (_request, response) => {
    const body = await text();
    // Not by `response.type`, which knows no version.
    response.setHeader('Content-Type', contentType);
    response.end(body);
  };

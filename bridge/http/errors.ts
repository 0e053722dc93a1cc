import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Log } from '../observability/log.js';

interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string };
}

const body = (code: string, message: string): ErrorBody => ({ error: { code, message } });

const NOT_FOUND = body('not-found', 'There is nothing at this path with this method.');

const BY_STATUS: ReadonlyMap<number, ErrorBody> = new Map([
  [400, body('bad-request', 'The request cannot be read: its path or its JSON body is malformed.')],
  [404, NOT_FOUND],
  [412, body('precondition-failed', 'What the request says about the version that it knows is not so.')],
  [413, body('body-too-large', 'The request body is too large.')],
  [415, body('unsupported-encoding', 'The request body has an encoding that is not supported.')],
  [416, body('range-not-satisfiable', 'There is no such part of what is at this path.')],
]);

/** For what a library finds wrong with a request besides. */
const REFUSED = body('bad-request', 'The request cannot be answered as it is.');

const INTERNAL = body('internal', 'The bridge could not answer this request; its log says why.');

/** Answers what no route took. */
export const notFound: RequestHandler = (_request, response) => {
  response.status(404).json(NOT_FOUND);
};

/** Fixed texts only: express' own handler would send the stack whenever NODE_ENV is not `production`. */
export function errorHandler(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    const known = BY_STATUS.get(status) ?? (status >= 400 && status < 500 ? REFUSED : undefined);
    if (known !== undefined) {
      response.status(status).json(known);
      return;
    }
    log.error('http.request-failed', {
      method: request.method,
      path: request.path,
      reason: error instanceof Error ? error.message : String(error),
    });
    response.status(500).json(INTERNAL);
  };
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('status' in error)) return 500;
  return typeof error.status === 'number' ? error.status : 500;
}

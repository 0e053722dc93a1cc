import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { BridgeStatus } from '../status.js';
import { isReady, isStandingBy, reasonsOf } from './reasons.js';

/**
 * Milliseconds, and how often within them the bridge looks at itself for whoever asks. Only who asks more often gets an answer that is
 * as old as that.
 */
const WINDOW = 100;
const LOOKS = 10;

/** What goes back, as JSON. */
interface Answer {
  readonly code: 200 | 503;
  readonly body: Buffer;
}

const answer = (code: Answer['code'], value: unknown): Answer => ({
  code,
  body: Buffer.from(JSON.stringify(value)),
});

type Health = Readonly<Record<'whole' | 'readiness' | 'readinessOrStandby', Answer>>;

/** Alive says only that the process turns: a broker that is down must not get the bridge restarted. */
const ALIVE = answer(200, { live: true });

/**
 * Answers GET and HEAD of `/health`, `/health/ready` and `/health/live`, and says whether it has. Ahead of express and by hand: whoever
 * watches a bridge asks often, and every request takes its time from the messages. `headers`: what every answer carries.
 */
export function healthAnswers(
  status: () => BridgeStatus,
  headers: RequestHandler,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const health = healthOf(status);
  const answers: Readonly<Record<string, (query: URLSearchParams) => Answer>> = {
    '/health': () => health().whole,
    '/health/ready': (query) => health()[query.get('standby') === 'ok' ? 'readinessOrStandby' : 'readiness'],
    '/health/live': () => ALIVE,
  };
  let carried: OutgoingHttpHeaders | undefined;
  return (request, response) => {
    const { method, url = '' } = request;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const [path = '', query = ''] = url.split('?', 2);
    const key = path.replace(/\/$/, '');
    if (!Object.hasOwn(answers, key)) return false;
    const found = answers[key]?.(new URLSearchParams(query));
    if (found === undefined) return false;
    if (carried === undefined) {
      // The same for every request: made once, they cost no more than the answer itself.
      headers(request as Parameters<RequestHandler>[0], response as Parameters<RequestHandler>[1], () => {});
      carried = response.getHeaders();
    }
    response.writeHead(found.code, {
      ...carried,
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': found.body.length,
    });
    response.end(method === 'HEAD' ? undefined : found.body);
    return true;
  };
}

function healthOf(status: () => BridgeStatus): () => Health {
  let last: Health | undefined;
  let windowEnd = 0;
  let looks = 0;
  return () => {
    const clock = performance.now();
    if (clock >= windowEnd) {
      windowEnd = clock + WINDOW;
      looks = 0;
    }
    if (last !== undefined && looks >= LOOKS) return last;
    looks++;
    const now = status();
    const ready = isReady(now);
    const reasons = reasonsOf(now);
    const code = ready ? 200 : 503;
    const readiness = answer(code, { ready, reasons });
    last = {
      whole: answer(code, { ...now, ready, reasons }),
      readiness,
      readinessOrStandby: isStandingBy(now) ? answer(200, { ready: true, reasons }) : readiness,
    };
    return last;
  };
}

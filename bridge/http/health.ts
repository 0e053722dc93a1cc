import type { IncomingMessage, ServerResponse } from 'node:http';
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
  readonly body: string;
}

type Health = Readonly<Record<'whole' | 'readiness' | 'readinessOrStandby', Answer>>;

/** Alive says only that the process turns: a broker that is down must not get the bridge restarted. */
const ALIVE: Answer = { code: 200, body: JSON.stringify({ live: true }) };

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
  return (request, response) => {
    const { method, url = '' } = request;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const [path = '', query = ''] = url.split('?', 2);
    const key = path.replace(/\/$/, '');
    if (!Object.hasOwn(answers, key)) return false;
    const answer = answers[key]?.(new URLSearchParams(query));
    if (answer === undefined) return false;
    headers(request as Parameters<RequestHandler>[0], response as Parameters<RequestHandler>[1], () => {});
    response.writeHead(answer.code, {
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(answer.body),
    });
    response.end(method === 'HEAD' ? undefined : answer.body);
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
    const readiness: Answer = { code, body: JSON.stringify({ ready, reasons }) };
    const standby: Answer = { code: 200, body: JSON.stringify({ ready: true, reasons }) };
    last = {
      whole: { code, body: JSON.stringify({ ...now, ready, reasons }) },
      readiness,
      readinessOrStandby: isStandingBy(now) ? standby : readiness,
    };
    return last;
  };
}

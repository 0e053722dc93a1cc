import { Router } from 'express';
import type { HttpConfig } from '../config/config.js';
import type { DeadLetterVerbs } from '../dead-letters.js';
import type { Tail } from '../flow/tails.js';
import type { Problem } from '../observability/recent-problems.js';
import type { BridgeStatus, Topology } from '../status.js';
import { adminOnly, tokenCheck } from './admin-only.js';
import { deadLetterApi } from './dead-letter-api.js';
import { overviewOf } from './overview.js';

/** What the dashboard shows and does besides health. */
export interface Dashboard {
  topology(): Topology;
  /** The latest first. */
  problems(): readonly Problem[];
  readonly deadLetters: DeadLetterVerbs;
  /** The messages of a route, for as long as somebody asks; undefined while too many are watched. Absent: nobody may watch. */
  tail?(route: string): Tail | undefined;
}

const NO_TAIL = {
  code: 'tail-off',
  message: 'Messages cannot be watched here: the mapping file does not set http.admin.tail to true.',
};
const NO_ROUTE = { code: 'not-found', message: 'There is no route of this name.' };
const TOO_MANY = { code: 'busy', message: 'Too many routes are being watched. Try again in ten seconds.' };

/** What the dashboard asks for: `/overview` for everybody, messages for who has the admin token. */
export function dashboardApi(
  dashboard: Dashboard,
  status: () => BridgeStatus,
  { admin, chat }: HttpConfig,
): Router {
  const router = Router();
  const check = tokenCheck(admin);
  const guard = adminOnly(check);

  router.get('/overview', (request, response, next) => {
    // Whoever brings a wrong token is told so; whoever brings none sees what health tells.
    const given = check(request.headers.authorization);
    if (given === 'wrong') {
      guard(request, response, next);
      return;
    }
    const { tail } = dashboard;
    response.json(
      overviewOf({
        status: status(),
        topology: dashboard.topology(),
        problems: dashboard.problems(),
        admin: { available: admin !== undefined, granted: given === 'right', tail: tail !== undefined },
        chat: chat !== undefined,
        clock: performance.now(),
      }),
    );
  });
  router.use('/dead-letters', guard, deadLetterApi(dashboard.deadLetters));
  router.get<{ name: string }>('/routes/:name/tail', guard, (request, response) => {
    const { name } = request.params;
    if (dashboard.tail === undefined) {
      response.status(404).json({ error: NO_TAIL });
      return;
    }
    if (!status().routes.some((route) => route.name === name)) {
      response.status(404).json({ error: NO_ROUTE });
      return;
    }
    const tail = dashboard.tail(name);
    if (tail === undefined) response.status(503).json({ error: TOO_MANY });
    else response.json(tail);
  });
  return router;
}

import { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import {
  type DeadLetterFilter,
  type DeadLetterVerbs,
  glimpseOf,
  type Handled,
  type Verb,
} from '../dead-letters.js';
import { asBridgeError } from '../errors.js';

const MOST_LISTED = 500;
/** Dead letters that stay, told one by one. */
const MOST_TOLD = 20;
/** Requests that wait for their turn. */
const MOST_WAITING = 8;

const text = z.string().min(1).max(200);
const which = { id: text.optional(), route: text.optional(), reason: text.optional() };
const listQuery = z.strictObject({
  ...which,
  limit: z.coerce.number().int().min(1).max(MOST_LISTED).default(50),
});
const actBody = z
  .strictObject({ ...which, all: z.literal(true).optional() })
  .refine((body) => Object.values(body).some((value) => value !== undefined));

const BAD_FILTER = {
  code: 'bad-request',
  message: `Say which dead letters: "id", "route", "reason", or "all": true. A "limit" is from 1 to ${MOST_LISTED}.`,
};
const BUSY = {
  code: 'busy',
  message: 'Too many requests for dead letters wait for their turn. Try again when they are done.',
};

/** Lists, replays and drops dead letters, one request at a time: each opens connections of its own under one client id. */
export function deadLetterApi(verbs: DeadLetterVerbs): Router {
  const router = Router();
  let turn: Promise<void> = Promise.resolve();
  let waiting = 0;
  const inTurn =
    (work: (request: Request, response: Response) => Promise<void>): RequestHandler =>
    async (request, response) => {
      if (waiting >= MOST_WAITING) {
        response.status(503).json({ error: BUSY });
        return;
      }
      waiting++;
      turn = turn.then(async () => {
        waiting--;
        try {
          if (!response.destroyed) await work(request, response);
        } catch (error) {
          const { code, message } = asBridgeError(error, 'connection-failed');
          response.status(502).json({ error: { code, message } });
        }
      });
      await turn;
    };

  router.get(
    '/',
    inTurn(async (request, response) => {
      const query = listQuery.safeParse(request.query);
      if (!query.success) {
        response.status(400).json({ error: BAD_FILTER });
        return;
      }
      const { limit, ...filter } = query.data;
      const { letters, more, unread } = await verbs.survey(present(filter), limit, untilGone(response));
      response.json({ letters, more, unread });
    }),
  );
  const act = (verb: Verb) =>
    inTurn(async (request, response) => {
      const body = actBody.safeParse(request.body);
      if (!body.success) {
        response.status(400).json({ error: BAD_FILTER });
        return;
      }
      const { all: _all, ...filter } = body.data;
      let done = 0;
      const stayed: Handled[] = [];
      let stay = 0;
      const onHandled = (handled: Handled) => {
        if (handled.problem === undefined) done++;
        else if (++stay <= MOST_TOLD) stayed.push(handled);
      };
      const { isComplete } = await verb(present(filter), onHandled, untilGone(response));
      response.json({
        done,
        stay,
        stayed: stayed.map(({ letter, problem }) => ({ ...glimpseOf(letter), problem })),
        isComplete,
      });
    });
  router.post('/replay', act(verbs.replay));
  router.post('/drop', act(verbs.drop));
  return router;
}

/** Who has hung up waits for nothing any more; what is being handled then is handled to its end. */
function untilGone(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

function present({
  id,
  route,
  reason,
}: { [Key in keyof DeadLetterFilter]: string | undefined }): DeadLetterFilter {
  return {
    ...(id === undefined ? {} : { id }),
    ...(route === undefined ? {} : { route }),
    ...(reason === undefined ? {} : { reason }),
  };
}

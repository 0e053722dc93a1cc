import type { DeadLetters, Handled, Overview, Tail, Which } from './answers.js';

/** The bridge said no; `code` is its word for why, and the text is for people. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    message: string,
    readonly code: string,
    readonly status: number,
  ) {
    super(message);
  }

  /** Is it the token that was refused? */
  get isOfToken(): boolean {
    return this.status === 401;
  }
}

/** Milliseconds; what takes longer than this is not there. */
const TIME_LIMIT = 5_000;
/** To move a full queue takes its time. */
const LONG_TIME_LIMIT = 300_000;

/** The calls that the dashboard makes. Each rejects with an Error whose text is for people: a `Refusal` if the bridge answered. */
export class Bridge {
  /** `token`: what there is now; undefined while the page has none. */
  constructor(readonly token: () => string | undefined) {}

  overview(token = this.token()): Promise<Overview> {
    return ask('/api/overview', TIME_LIMIT, token);
  }

  deadLetters(
    filter: { readonly route?: string; readonly reason?: string },
    limit: number,
  ): Promise<DeadLetters> {
    const query = new URLSearchParams({ ...filter, limit: String(limit) });
    return ask(`/api/dead-letters?${query.toString()}`, LONG_TIME_LIMIT, this.token());
  }

  handle(verb: 'replay' | 'drop', which: Which): Promise<Handled> {
    return ask(`/api/dead-letters/${verb}`, LONG_TIME_LIMIT, this.token(), which);
  }

  tail(route: string): Promise<Tail> {
    return ask(`/api/routes/${encodeURIComponent(route)}/tail`, TIME_LIMIT, this.token());
  }
}

async function ask<Answer>(path: string, limit: number, token?: string, body?: object): Promise<Answer> {
  const response = await fetch(path, {
    cache: 'no-store',
    credentials: 'omit',
    signal: AbortSignal.timeout(limit),
    headers: {
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Error('The bridge does not answer.');
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw refusalOf(answer, response.status);
  // The bridge serves this page, so both are of one version.
  return answer as Answer;
}

function refusalOf(answer: unknown, status: number): Refusal {
  const { error } = (answer ?? {}) as { error?: { code?: unknown; message?: unknown } };
  const { code, message } = error ?? {};
  return new Refusal(
    typeof message === 'string' ? message : `The bridge answered ${status}.`,
    typeof code === 'string' ? code : '',
    status,
  );
}

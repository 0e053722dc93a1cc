import type { RequestHandler } from 'express';
import { type ClientRateLimitInfo, rateLimit, type Store } from 'express-rate-limit';

/**
 * Requests to `/api` that one address may make in a window: a dashboard asks once a second, twice while it watches a route, so this
 * is some fifty people behind one address.
 */
const MOST = 6_000;
/** Milliseconds. */
const WINDOW = 60_000;
/** Addresses that are counted at a time; the one that has been known longest is forgotten first. */
const MOST_ADDRESSES = 10_000;

const BUSY = {
  error: {
    code: 'too-many-requests',
    message: `This address has asked ${MOST} times within a minute. Try again when the time in Retry-After is over.`,
  },
};

/** Keeps one address from taking all of the bridge's time. Over it: 429, with when to come back. */
export function rateLimited(most = MOST): RequestHandler {
  return rateLimit({
    windowMs: WINDOW,
    limit: most,
    standardHeaders: 'draft-7',
    legacyHeaders: false,
    message: BUSY,
    store: new BoundedStore(),
    // No proxy's word is taken for who asks (express' `trust proxy` is off), so neither is a warning about one of use.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
  });
}

interface Count {
  hits: number;
  readonly resetTime: Date;
}

/** The library's own store has no bound. */
class BoundedStore implements Store {
  readonly localKeys = true;
  readonly #counts = new Map<string, Count>();

  increment(address: string): ClientRateLimitInfo {
    const now = Date.now();
    let count = this.#counts.get(address);
    if (count === undefined || count.resetTime.getTime() <= now) {
      this.#counts.delete(address);
      count = { hits: 0, resetTime: new Date(now + WINDOW) };
      this.#counts.set(address, count);
      const [oldest] = this.#counts.keys();
      if (this.#counts.size > MOST_ADDRESSES && oldest !== undefined) this.#counts.delete(oldest);
    }
    count.hits++;
    return { totalHits: count.hits, resetTime: count.resetTime };
  }

  decrement(address: string): void {
    const count = this.#counts.get(address);
    if (count !== undefined) count.hits--;
  }

  resetKey(address: string): void {
    this.#counts.delete(address);
  }
}

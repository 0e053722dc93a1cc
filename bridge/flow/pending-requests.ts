import { randomBytes } from 'node:crypto';

const unguessable = () => randomBytes(16).toString('hex');

interface Entry<Request> {
  readonly request: Request;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/**
 * Requests that wait for an answer. Bounded: with `limit` of them open, the oldest gives its place to a new one, so that a flood of
 * requests shortens the time for answers and stops nobody. In memory: a restart forgets them.
 */
export class PendingRequests<Request> {
  /** All wait equally long, so the oldest expires first. */
  readonly #open = new Map<string, Entry<Request>>();

  /** `within`: milliseconds that an answer may take. `newId` is for dry runs. */
  constructor(
    readonly limit: number,
    readonly within: number,
    readonly newId: () => string = unguessable,
  ) {}

  get size(): number {
    return this.#open.size;
  }

  /** Keeps the request and returns the id that an answer has to name: 128 bits that nobody can guess, as hex. */
  open(request: Request, now: number): string {
    for (const [id, { expires }] of this.#open) {
      if (expires > now && this.#open.size < this.limit) break;
      this.#open.delete(id);
    }
    const id = this.newId();
    this.#open.set(id, { request, expires: now + this.within });
    return id;
  }

  /** The request by its id, and the milliseconds that are left; it stays open for further answers until it expires. */
  find(id: string, now: number): { readonly request: Request; readonly left: number } | undefined {
    const entry = this.#open.get(id);
    if (entry === undefined || entry.expires <= now) return undefined;
    return { request: entry.request, left: entry.expires - now };
  }
}

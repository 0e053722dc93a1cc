/** Keys that are remembered: some megabytes at most, and several times what may be in flight. */
const MOST_KEYS = 10_000;

/**
 * Which keys a route has dealt with lately, so that of messages with the same key only the first is sent. In memory: a restart
 * forgets them. Bounded: the oldest key is forgotten first; keys in flight, which the flow bounds, stay.
 */
export class RecentKeys {
  readonly #done = new Set<string>();
  readonly #inFlight = new Map<string, Promise<boolean>>();

  /**
   * Does the work for a key, unless that has been done or is being done: then it resolves `duplicate` as soon as the other
   * message is safe. `work` resolves true when its message is safe; of one that is not, the next with this key has to do it.
   */
  async once(key: string, work: () => Promise<boolean>): Promise<'duplicate' | boolean> {
    for (let other = this.#inFlight.get(key); other !== undefined; other = this.#inFlight.get(key))
      if (await other) return 'duplicate';
    if (this.#done.has(key)) return 'duplicate';
    const working = work();
    this.#inFlight.set(key, working);
    try {
      const safe = await working;
      if (safe) this.#remember(key);
      return safe;
    } finally {
      this.#inFlight.delete(key);
    }
  }

  /** True while another message with this key is on its way. */
  isBeingDone(key: string): boolean {
    return this.#inFlight.has(key);
  }

  #remember(key: string): void {
    this.#done.add(key);
    if (this.#done.size <= MOST_KEYS) return;
    const [oldest] = this.#done;
    if (oldest !== undefined) this.#done.delete(oldest);
  }
}

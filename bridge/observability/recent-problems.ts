import type { Fields, Log } from './log.js';

/** What went wrong, as the log tells it; the same again and again is one problem with a count. */
export interface Problem {
  readonly level: 'warn' | 'error';
  readonly event: string;
  /** Of the last time. */
  readonly fields: Fields;
  /** How often, as far as it is remembered. */
  readonly count: number;
  /** ISO 8601: the last time. */
  readonly at: string;
}

/** Characters of a text that are kept. */
const LONGEST_TEXT = 500;

/** Two events with the same level, name and values of these are the same problem. */
const KEY: readonly string[] = ['route', 'session', 'broker', 'protocol', 'code', 'path', 'text'];

/** The last warnings and errors of the bridge. Bounded; it holds what the log holds, so no secret. */
export class RecentProblems {
  /** By key, the latest at the end. */
  readonly #problems = new Map<string, Problem>();

  constructor(readonly size = 100) {}

  /** A log that also keeps its warnings and errors here. */
  alsoFor(log: Log): Log {
    const also =
      (level: Problem['level']) =>
      (event: string, fields: Fields = {}) => {
        this.#note(level, event, shortened(fields));
        log[level](event, fields);
      };
    return {
      debug: (event, fields) => log.debug(event, fields),
      info: (event, fields) => log.info(event, fields),
      warn: also('warn'),
      error: also('error'),
    };
  }

  /** The latest first. */
  list(): readonly Problem[] {
    return [...this.#problems.values()].reverse();
  }

  #note(level: Problem['level'], event: string, fields: Fields): void {
    const key = JSON.stringify([level, event, ...KEY.map((name) => fields[name])]);
    const count = (this.#problems.get(key)?.count ?? 0) + 1;
    this.#problems.delete(key);
    this.#problems.set(key, { level, event, fields, count, at: new Date().toISOString() });
    const [oldest] = this.#problems.keys();
    if (this.#problems.size > this.size && oldest !== undefined) this.#problems.delete(oldest);
  }
}

function shortened(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' && value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value,
    ]),
  );
}

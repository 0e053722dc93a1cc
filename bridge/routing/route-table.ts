import { type Address, LEVEL_SEPARATOR } from '../message/address.js';
import { decodeLevel } from './name-codec.js';
import type { CapturePattern } from './pattern.js';

/** A route that takes an address, with what its pattern captured there. */
export interface Match<Route> {
  readonly route: Route;
  readonly captures: ReadonlyMap<string, string>;
}

interface Node<Route> {
  readonly literals: Map<string, Node<Route>>;
  one?: Node<Route>;
  /** Routes whose pattern ends here. */
  readonly ends: Entry<Route>[];
  /** Routes whose pattern takes everything below. */
  readonly rests: Entry<Route>[];
}

interface Entry<Route> {
  readonly route: Route;
  readonly pattern: CapturePattern;
  readonly order: number;
}

/**
 * Which routes take an address. A tree of levels: the cost depends on the number of levels and of matching routes,
 * not on how many routes there are. Built once, never changed.
 */
export class RouteTable<Route> {
  readonly #root: Node<Route> = newNode();
  readonly #separator: string;

  constructor(
    readonly kind: Address['kind'],
    routes: Iterable<{ readonly pattern: CapturePattern; readonly route: Route }>,
  ) {
    this.#separator = LEVEL_SEPARATOR[kind];
    let order = 0;
    for (const { pattern, route } of routes) this.#add({ route, pattern, order: order++ });
  }

  #add(entry: Entry<Route>): void {
    let node = this.#root;
    for (const level of entry.pattern.levels) {
      if (level === 'rest') {
        node.rests.push(entry);
        return;
      }
      if (level === 'one') {
        node.one ??= newNode();
        node = node.one;
        continue;
      }
      let next = node.literals.get(level.literal);
      if (next === undefined) {
        next = newNode();
        node.literals.set(level.literal, next);
      }
      node = next;
    }
    node.ends.push(entry);
  }

  /** Every route that takes this name, in the order of the mapping file. */
  match(name: string): Match<Route>[] {
    const levels = name.split(this.#separator);
    const found: Entry<Route>[] = [];
    collect(this.#root, levels, 0, found);
    if (found.length > 1) found.sort((a, b) => a.order - b.order);
    return found.map(({ route, pattern }) => ({ route, captures: this.#capture(pattern, levels) }));
  }

  #capture(pattern: CapturePattern, levels: readonly string[]): Map<string, string> {
    const captures = new Map<string, string>();
    for (const [index, name] of pattern.captures) {
      // Several levels stay as they are: decoded, `a%2Fb` and `a/b` would be one and the same.
      const text =
        pattern.levels[index] === 'rest'
          ? levels.slice(index).join(this.#separator)
          : decodeLevel(levels[index] ?? '', index === 0);
      captures.set(name, text);
    }
    return captures;
  }
}

/** The search visits at most two children a level, and only where some pattern leads. */
function collect<Route>(
  node: Node<Route>,
  levels: readonly string[],
  depth: number,
  found: Entry<Route>[],
): void {
  const level = levels[depth];
  if (level === undefined) {
    found.push(...node.ends);
    return;
  }
  // MQTT 3.1.1 section 4.7.2: a wildcard at the start does not take names that begin with `$`.
  const hidden = depth === 0 && level.startsWith('$');
  if (!hidden) found.push(...node.rests);
  const literal = node.literals.get(level);
  if (literal !== undefined) collect(literal, levels, depth + 1, found);
  if (node.one !== undefined && !hidden) collect(node.one, levels, depth + 1, found);
}

function newNode<Route>(): Node<Route> {
  return { literals: new Map(), ends: [], rests: [] };
}

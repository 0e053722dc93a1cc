import type { AddressPattern, PatternLevel } from '../message/address.js';

/** A pattern with something that goes along with it (a QoS). */
export interface Covered<Extra> {
  readonly pattern: AddressPattern;
  readonly extra: Extra;
}

/**
 * The fewest subscriptions that take every address of the given patterns without taking any address twice: brokers
 * hand a message over once a matching subscription (MQTT 3.1.1 section 3.3.5), so patterns that overlap are widened
 * into one. The result may take more than was asked; what matches no route is accepted and forgotten.
 */
export function coverPatterns<Extra>(
  patterns: readonly Covered<Extra>[],
  merge: (a: Extra, b: Extra) => Extra,
): Covered<Extra>[] {
  const result = new DisjointPatterns<Extra>();
  for (let next of patterns) {
    // A widened pattern may overlap what did not overlap before, so look again until nothing does.
    for (let other = result.takeOverlapping(next); other !== undefined; other = result.takeOverlapping(next))
      next = { pattern: widen(other.pattern, next.pattern), extra: merge(other.extra, next.extra) };
    result.add(next);
  }
  return result.all();
}

interface Node<Extra> {
  readonly literals: Map<string, Node<Extra>>;
  one?: Node<Extra>;
  /** The pattern that ends here. */
  end?: Covered<Extra> | undefined;
  /** The pattern that takes everything below. */
  rest?: Covered<Extra> | undefined;
}

/** Patterns of which no two overlap, as a tree of levels: ten thousand rooms are not compared each with each. */
class DisjointPatterns<Extra> {
  readonly #root: Node<Extra> = { literals: new Map() };
  readonly #all = new Set<Covered<Extra>>();

  all(): Covered<Extra>[] {
    return [...this.#all];
  }

  /** It must overlap none that is in. */
  add(one: Covered<Extra>): void {
    this.#all.add(one);
    this.#put(one.pattern, one);
  }

  /** Takes one out that overlaps the given one, if there is any. */
  takeOverlapping({ pattern }: Covered<Extra>): Covered<Extra> | undefined {
    const found = findOverlap(this.#root, pattern.levels, 0);
    if (found === undefined) return undefined;
    this.#all.delete(found);
    this.#put(found.pattern, undefined);
    return found;
  }

  #put({ levels }: AddressPattern, value: Covered<Extra> | undefined): void {
    let node = this.#root;
    for (const level of levels) {
      if (level === 'rest') {
        node.rest = value;
        return;
      }
      node = child(node, level);
    }
    node.end = value;
  }
}

function child<Extra>(node: Node<Extra>, level: 'one' | { readonly literal: string }): Node<Extra> {
  if (level === 'one') {
    node.one ??= { literals: new Map() };
    return node.one;
  }
  let next = node.literals.get(level.literal);
  if (next === undefined) {
    next = { literals: new Map() };
    node.literals.set(level.literal, next);
  }
  return next;
}

function findOverlap<Extra>(
  node: Node<Extra>,
  levels: readonly PatternLevel[],
  depth: number,
): Covered<Extra> | undefined {
  const level = levels[depth];
  if (level === undefined) return node.end;
  if (node.rest !== undefined) return node.rest;
  const below = children(node, level);
  for (const next of below) {
    // What takes all the rest overlaps whatever ends or goes on below.
    const found = level === 'rest' ? anyIn(next) : findOverlap(next, levels, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The nodes one level down that the level of a pattern can lead to. */
function* children<Extra>(node: Node<Extra>, level: PatternLevel): Generator<Node<Extra>> {
  if (typeof level === 'string') yield* node.literals.values();
  else {
    const same = node.literals.get(level.literal);
    if (same !== undefined) yield same;
  }
  if (node.one !== undefined) yield node.one;
}

function anyIn<Extra>(node: Node<Extra>): Covered<Extra> | undefined {
  const here = node.end ?? node.rest;
  if (here !== undefined) return here;
  for (const next of children(node, 'one')) {
    const found = anyIn(next);
    if (found !== undefined) return found;
  }
  return undefined;
}

function widen(a: AddressPattern, b: AddressPattern): AddressPattern {
  const levels: PatternLevel[] = [];
  for (let i = 0; i < Math.max(a.levels.length, b.levels.length); i++) {
    const left = a.levels[i];
    const right = b.levels[i];
    if (left === undefined || right === undefined || left === 'rest' || right === 'rest') {
      levels.push('rest');
      break;
    }
    if (left === 'one' || right === 'one' || left.literal !== right.literal) levels.push('one');
    else levels.push(left);
  }
  return { kind: a.kind, levels };
}

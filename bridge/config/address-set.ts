import { type AddressKind, LEVEL_SEPARATOR } from '../message/address.js';
import type { CapturePattern } from '../routing/pattern.js';
import type { Template } from '../routing/template.js';

/** One level of all names that a pattern takes or a template can make. */
export type LevelSet =
  | { readonly only: string }
  /** Any text between these two. */
  | { readonly prefix: string; readonly suffix: string }
  /** This level and all below. */
  | 'rest';

const ANY: LevelSet = { prefix: '', suffix: '' };

export function levelsOfPattern(pattern: CapturePattern): LevelSet[] {
  return pattern.levels.map((level) =>
    level === 'rest' ? 'rest' : level === 'one' ? ANY : { only: level.literal },
  );
}

/** A hole never makes a new level (it is encoded), so the template's own separators part the levels. */
export function levelsOfTemplate(kind: AddressKind, template: Template): LevelSet[] {
  const levels: LevelSet[] = [];
  let prefix = '';
  let suffix: string | undefined;
  const end = () => {
    levels.push(suffix === undefined ? { only: prefix } : { prefix, suffix });
    prefix = '';
    suffix = undefined;
  };
  for (const part of template.parts) {
    if (typeof part !== 'string') {
      suffix = '';
      continue;
    }
    part.split(LEVEL_SEPARATOR[kind]).forEach((text, index) => {
      if (index > 0) end();
      if (suffix === undefined) prefix += text;
      else suffix += text;
    });
  }
  end();
  return levels;
}

function meet(a: LevelSet, b: LevelSet): boolean {
  if (a === 'rest' || b === 'rest') return true;
  if ('only' in a) return 'only' in b ? a.only === b.only : takes(b, a.only);
  if ('only' in b) return takes(a, b.only);
  const startsMeet = a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix);
  return startsMeet && (a.suffix.endsWith(b.suffix) || b.suffix.endsWith(a.suffix));
}

function takes({ prefix, suffix }: { prefix: string; suffix: string }, text: string): boolean {
  return text.length >= prefix.length + suffix.length && text.startsWith(prefix) && text.endsWith(suffix);
}

interface Branch<Value> {
  readonly level: LevelSet;
  readonly node: Node<Value>;
}

interface Node<Value> {
  readonly literals: Map<string, Node<Value>>;
  readonly others: Map<string, Branch<Value>>;
  readonly ends: Value[];
}

const newNode = <Value>(): Node<Value> => ({ literals: new Map(), others: new Map(), ends: [] });

/** Sets of names, found by another set that has a name in common: ten thousand routes are not compared in pairs. */
export class AddressSets<Value> {
  readonly #roots = new Map<string, Node<Value>>();

  /** `space`: sets of different spaces never meet. */
  add(space: string, levels: readonly LevelSet[], value: Value): void {
    let node = this.#roots.get(space);
    if (node === undefined) {
      node = newNode<Value>();
      this.#roots.set(space, node);
    }
    for (const level of levels) node = child(node, level);
    node.ends.push(value);
  }

  /** Every added value whose set has a name in common with this one, each once. */
  meeting(space: string, levels: readonly LevelSet[]): Set<Value> {
    const found = new Set<Value>();
    const root = this.#roots.get(space);
    if (root !== undefined) search(root, levels, 0, found);
    return found;
  }
}

function child<Value>(node: Node<Value>, level: LevelSet): Node<Value> {
  if (level !== 'rest' && 'only' in level) {
    let next = node.literals.get(level.only);
    if (next === undefined) {
      next = newNode<Value>();
      node.literals.set(level.only, next);
    }
    return next;
  }
  const key = JSON.stringify(level);
  let branch = node.others.get(key);
  if (branch === undefined) {
    branch = { level, node: newNode<Value>() };
    node.others.set(key, branch);
  }
  return branch.node;
}

function search<Value>(
  node: Node<Value>,
  levels: readonly LevelSet[],
  depth: number,
  found: Set<Value>,
): void {
  const level = levels[depth];
  if (level === undefined) {
    for (const value of node.ends) found.add(value);
    return;
  }
  if (level === 'rest') {
    collect(node, depth, found, depth);
    return;
  }
  for (const branch of node.others.values()) {
    if (branch.level === 'rest') for (const value of branch.node.ends) found.add(value);
    else if (meet(level, branch.level)) search(branch.node, levels, depth + 1, found);
  }
  if ('only' in level) {
    const next = node.literals.get(level.only);
    if (next !== undefined) search(next, levels, depth + 1, found);
    return;
  }
  for (const [text, next] of node.literals) if (takes(level, text)) search(next, levels, depth + 1, found);
}

/** Everything below, but not what ends right here: `rest` is one level or more. */
function collect<Value>(node: Node<Value>, depth: number, found: Set<Value>, from: number): void {
  if (depth > from) for (const value of node.ends) found.add(value);
  for (const next of node.literals.values()) collect(next, depth + 1, found, from);
  for (const branch of node.others.values()) collect(branch.node, depth + 1, found, from);
}

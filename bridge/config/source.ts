import { isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import type { Diagnostic } from './diagnostic.js';
import { redact } from './redact.js';
import { yamlProblems } from './yaml-words.js';

/** A YAML value that remembers where it stands; offsets are characters from the start of the text. */
export type Node = ScalarNode | MapNode | ListNode;

interface Placed {
  readonly start: number;
  readonly end: number;
  /** Where the key in front of it stands, if it has one. */
  readonly key?: number;
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** Set when the text had `${…}`: the parts that came from the environment or a file, never to be shown. */
  readonly inserted?: readonly string[];
  /** Its `${…}` could not be filled in, which has been reported: the value means nothing. */
  readonly failed?: true;
}

export interface MapNode extends Placed {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Node>;
}

export interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

export type Path = readonly PropertyKey[];

/** How many values aliases may stand for together: far more than a rule needs, far less than harms. */
const MAX_ALIASED = 10_000;

const TOO_DEEP = 'the values are nested too deeply';

/** Collects what is wrong with one text, and turns offsets into lines and columns. */
export class Report {
  readonly diagnostics: Diagnostic[] = [];
  #shown: string | undefined;

  constructor(
    readonly file: string,
    readonly text: string,
    readonly lines: LineCounter,
  ) {}

  /** True when nothing worse than a warning was found. */
  get ok(): boolean {
    return this.diagnostics.every(({ severity }) => severity !== 'error');
  }

  /** The text without its secrets, of the same length. */
  get shown(): string {
    this.#shown ??= redact(this.text);
    return this.#shown;
  }

  add(severity: Diagnostic['severity'], offset: number, message: string): void {
    const { line, col } = this.lines.linePos(Math.min(Math.max(offset, 0), this.text.length));
    this.diagnostics.push({
      file: this.file,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      severity,
      message,
    });
  }

  /** Line of a value, from 1. */
  lineOf(node: Node): number {
    return this.lines.linePos(node.start).line;
  }

  /** Whether something was found at this value already. */
  hasAt(node: Node): boolean {
    const { line, col } = this.lines.linePos(node.start);
    return this.diagnostics.some((one) => one.line === line && one.column === col);
  }

  /**
   * At a value, or at the character `within` its text; a message that would show an interpolated value does not. `quotes`: the
   * message quotes pieces of the value, and a piece of an interpolated one is not shown either.
   */
  at(
    node: Node,
    message: string,
    options: { severity?: Diagnostic['severity']; within?: number; quotes?: true } = {},
  ): void {
    const offset = options.within === undefined ? node.start : offsetWithin(this.text, node, options.within);
    const severity = options.severity ?? 'error';
    this.add(severity, offset, shows(node, message, options.quotes ?? false) ? unshown(severity) : message);
  }
}

const unshown = (severity: Diagnostic['severity']) =>
  `this is not ${severity === 'error' ? 'valid' : 'right'} once its variables are filled in (their values are not shown)`;

/** Characters in a row that give an interpolated value away. */
const TELLING = 4;
/** Characters of an interpolated value that are looked for piece by piece. */
const LONGEST_INSERTED = 10_000;

function shows(node: Node, message: string, quotes: boolean): boolean {
  const inserted = node.kind === 'scalar' ? (node.inserted ?? []) : [];
  return inserted.some((value) => {
    if (value === '') return false;
    // It changed what the text means as a template: its braces are not where the message says.
    if (message.includes(value) || /[{}]/.test(value)) return true;
    if (!quotes) return false;
    if (value.length > LONGEST_INSERTED) return true;
    for (let at = 0; at + TELLING <= value.length; at++)
      if (message.includes(value.slice(at, at + TELLING))) return true;
    return false;
  });
}

/**
 * The offset in the source of a character of a scalar's text. Quotes, escapes, folding and interpolation shift it, so
 * it is found by counting the same character before it.
 */
function offsetWithin(text: string, node: Node, within: number): number {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return node.start;
  const char = node.value[within];
  if (char === undefined) return node.start;
  // What interpolation replaced is no part of the value: same length, other characters.
  const source = text.slice(node.start, node.end).replace(/\$\{[^}]*\}/g, (hole) => '\0'.repeat(hole.length));
  let at = -1;
  for (let i = 0; i <= within; i++) {
    if (node.value[i] !== char) continue;
    at = source.indexOf(char, at + 1);
    if (at === -1) return node.start;
  }
  return node.start + at;
}

/** Reads YAML into values with places, or reports why it cannot; undefined when there is nothing to go on with. */
export function readYaml(
  file: string,
  text: string,
): { readonly report: Report; readonly root: Node | undefined } {
  const lines = new LineCounter();
  const report = new Report(file, text, lines);
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      // Found by the walk below, which can say where the first one stands.
      uniqueKeys: false,
    });
    // The parser catches its own stack overflow and goes on with the next bracket.
    const overflow = document.errors.find(({ message }) => message.includes('call stack'));
    if (overflow !== undefined) {
      report.add('error', overflow.pos[0], TOO_DEEP);
      return { report, root: undefined };
    }
    if (document.errors.length + document.warnings.length > 0)
      for (const { offset, message } of yamlProblems(document, report.shown))
        report.add('error', offset, message);
    if (document.directives.yaml.version !== '1.2')
      report.add('error', 0, 'only YAML 1.2 is read here; leave out the %YAML line');
    if (!report.ok) return { report, root: undefined };
    if (document.contents === null)
      return { report, root: { kind: 'scalar', value: null, start: 0, end: 0 } };
    const root = new Walk(report, (alias) => alias.resolve(document) as ParsedNode | undefined).node(
      document.contents,
    );
    return { report, root: report.ok ? root : undefined };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    if (text !== '' && lines.lineStarts.length === 0) lines.addNewLine(0);
    report.add('error', 0, TOO_DEEP);
    return { report, root: undefined };
  }
}

type AliasNode = Extract<ParsedNode, { source: string; type?: 'ALIAS' }> & {
  resolve(document: unknown): unknown;
};

class Walk {
  readonly #report: Report;
  readonly #resolve: (alias: AliasNode) => ParsedNode | undefined;
  /** Inside an alias every place is the alias's own. */
  #alias: { readonly start: number; readonly end: number } | undefined;
  #aliased = 0;

  constructor(report: Report, resolve: (alias: AliasNode) => ParsedNode | undefined) {
    this.#report = report;
    this.#resolve = resolve;
  }

  node(node: ParsedNode, key?: number): Node {
    const place = {
      start: this.#alias?.start ?? node.range[0],
      end: this.#alias?.end ?? node.range[1],
      ...(key === undefined ? {} : { key }),
    };
    if (this.#alias !== undefined) this.#aliased++;
    if (node.tag !== undefined && !isAlias(node) && node.tag.startsWith('!'))
      this.#report.add('error', place.start, `the tag ${node.tag} means nothing here; leave it out`);
    if (isAlias(node)) return this.#follow(node as AliasNode, place);
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node.items as Pairs), ...place };
    if (isSeq(node))
      return { kind: 'list', items: node.items.map((item) => this.node(item as ParsedNode)), ...place };
    return { kind: 'scalar', value: scalarValue(node), ...place };
  }

  #follow(alias: AliasNode, place: Placed): Node {
    const nothing: Node = { kind: 'scalar', value: null, ...place };
    const target = this.#resolve(alias);
    if (target === undefined) {
      const name = this.#report.shown.slice(place.start + 1, place.end);
      this.#report.add(
        'error',
        place.start,
        `there is no anchor &${name} before this; text that begins with * needs quotes`,
      );
      return nothing;
    }
    const [from = 0, to = 0] = target.range;
    const [at = 0] = alias.range;
    if (at >= from && at < to) {
      this.#report.add('error', place.start, `*${alias.source} stands inside what it stands for`);
      return nothing;
    }
    if (this.#aliased > MAX_ALIASED) {
      const message = `aliases stand for more than ${MAX_ALIASED} values; write them out`;
      if (this.#report.ok) this.#report.add('error', place.start, message);
      return nothing;
    }
    const outer = this.#alias;
    this.#alias ??= { start: place.start, end: place.end };
    const node = this.node(target);
    this.#alias = outer;
    return place.key === undefined ? node : { ...node, key: place.key };
  }

  #entries(pairs: Pairs): Map<string, Node> {
    const entries = new Map<string, Node>();
    const offsets = new Map<string, number>();
    for (const { key, value } of pairs) {
      const offset = this.#alias?.start ?? key.range[0];
      const name = this.#name(key, offset);
      if (name === undefined) continue;
      const first = offsets.get(name);
      if (first !== undefined) {
        const { line } = this.#report.lines.linePos(first);
        this.#report.add('error', offset, `"${name}" is given twice; the first one is in line ${line}`);
        continue;
      }
      offsets.set(name, offset);
      entries.set(
        name,
        value === null
          ? { kind: 'scalar', value: null, start: offset, end: offset, key: offset }
          : this.node(value, offset),
      );
    }
    return entries;
  }

  #name(key: ParsedNode, offset: number): string | undefined {
    if (!isScalar(key)) {
      this.#report.add('error', offset, 'a key must be plain text');
      return undefined;
    }
    const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
    if (name === '<<') {
      this.#report.add('error', offset, 'merge keys (<<) are not supported; write the values out');
      return undefined;
    }
    if (name === '__proto__') {
      this.#report.add('error', offset, '"__proto__" cannot be a name here');
      return undefined;
    }
    return name;
  }
}

type Pairs = readonly { readonly key: ParsedNode; readonly value: ParsedNode | null }[];

function scalarValue(node: ParsedNode): ScalarNode['value'] {
  const value: unknown = isScalar(node) ? node.value : null;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** Plain data, as the schema reads it. */
export function toPlain(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toPlain);
  return Object.fromEntries([...node.entries].map(([name, value]) => [name, toPlain(value)]));
}

/** The value at a path, or undefined. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const step of path) {
    if (node === undefined || node.kind === 'scalar') return undefined;
    node = node.kind === 'map' ? node.entries.get(String(step)) : node.items[Number(step)];
  }
  return node;
}

/** The deepest value that exists on the way to a path: where something that is missing is missing. */
export function deepestAt(root: Node, path: Path): Node {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(root, path.slice(0, length));
    if (node !== undefined) return node;
  }
  return root;
}

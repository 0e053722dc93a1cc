import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  visit,
  type YAMLMap,
} from 'yaml';
import { nearest } from './nearest.js';
import { keysAt } from './schema.js';

/**
 * The text of a mapping file as it may be shown: all that may be a password is stars, character for character, so that
 * lines and columns stay. Values that `${…}` stands for are not in the text at all. Where the YAML is broken nobody can tell
 * where a value ends, so more is hidden there: the rest of the line and what is indented deeper below it.
 */
export function redact(text: string): string {
  const hidden = new Stars(text);
  const broken = !hideByStructure(text, hidden);
  if (broken) hidden.toLineEnds();
  hideByLine(text, broken, hidden);
  return hidden.text();
}

/** Where the key alone tells. */
const SECRET =
  /(?:password|passwd|passphrase|passcode|secret|credential)|(?:token|api[_-]?key)s?$|^(?:pass|pwd|pw)$/i;

/** Does the name of a key alone tell that its value is nobody else's business? */
export function isSecretKey(key: string): boolean {
  return SECRET.test(key) || nearest(key, ['password', 'passwd']) !== undefined;
}

const isInHttp = ([section, ...below]: readonly string[]) =>
  section !== undefined && nearest(section, ['http']) !== undefined && below.length <= 1;

/** Text where the map with the admin token belongs, and whatever an unknown key holds, may have been meant as the token. */
function isMaybeToken(name: string, value: Node, path: readonly string[]): boolean {
  const key = nearest(name, keysAt(path.length === 1 ? ['http'] : ['http', 'admin']));
  return key === undefined || key === 'token' || (key === 'admin' && isScalar(value));
}

/** A value that is one hole tells where a secret would be, and is none. */
const ONE_HOLE = /^\{[^{}"']*\}$/;

/** So is a variable; a default in it would be one. */
const REFERENCE = /^\$\{(?:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]*)\}$/;

class Stars {
  readonly #text: string;
  readonly #chars: string[];
  #ends: number[] = [];

  constructor(text: string) {
    this.#text = text;
    this.#chars = text.split('');
  }

  /** Line breaks and the blanks at the start of a line stay. */
  hide(start: number, end: number): void {
    let indent = false;
    for (let at = start; at < Math.min(end, this.#chars.length); at++) {
      const char = this.#chars[at] ?? '';
      if (char === '\n' || char === '\r') indent = true;
      else if (!indent || !/\s/.test(char)) {
        indent = false;
        this.#chars[at] = '*';
      }
    }
    this.#ends.push(end);
  }

  /** Hides what follows in the line of everything that is hidden. */
  toLineEnds(): void {
    const ends = this.#ends;
    this.#ends = [];
    for (const end of ends) this.hide(end, lineEnd(this.#text, end));
  }

  text(): string {
    return this.#chars.join('');
  }
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

type Range = readonly [number, number];

/** False when the text is no YAML, so that places are guesses. */
function hideByStructure(text: string, stars: Stars): boolean {
  try {
    const parsed = parseAllDocuments(text, { prettyErrors: false, uniqueKeys: false, logLevel: 'silent' });
    const documents = Array.isArray(parsed) ? (parsed as Document[]) : [];
    for (const document of documents) {
      const walk = new Walk(text, stars);
      walk.value(document.contents, []);
      walk.hideAnchors(document);
    }
    return documents.every(({ errors, warnings }) => errors.length + warnings.length === 0);
  } catch (error) {
    // Nested too deeply.
    if (!(error instanceof RangeError)) throw error;
    return false;
  }
}

class Walk {
  /** Anchors whose values stand under a secret key by way of an alias. */
  readonly #anchors = new Set<string>();

  constructor(
    readonly text: string,
    readonly stars: Stars,
  ) {}

  value(node: unknown, path: readonly string[]): void {
    if (isMap(node)) this.#map(node, path);
    else if (isSeq(node))
      for (const item of node.items) this.value(isPair(item) ? item.value : item, [...path, '-']);
    else if (isScalar(node) && node.range) this.#scalar([node.range[0], node.range[1]], path);
  }

  hideAnchors(document: Document): void {
    if (this.#anchors.size === 0) return;
    visit(document, {
      Node: (_key, node) => {
        if (!isAlias(node) && node.anchor !== undefined && this.#anchors.has(node.anchor) && node.range)
          this.stars.hide(node.range[0], node.range[1]);
      },
    });
  }

  #map({ items }: YAMLMap, path: readonly string[]): void {
    let secrets = false;
    for (const { key, value } of items) {
      const name = isScalar(key) ? String(key.value) : '';
      const whole = this.#valueRange(key, value);
      if (isNode(value) && whole !== undefined && this.#isSecret(name, value, path)) {
        secrets = true;
        this.stars.hide(...whole);
        this.#hideKey(key, /[\s:=]/);
        visit(value, { Alias: (_key, { source }) => void this.#anchors.add(source) });
        continue;
      }
      // Between braces, a comma in a password makes keys of what follows it.
      if (secrets && !isNode(value)) this.#hideKey(key, /^/);
      if (!isScalar(key)) this.value(key, path);
      this.value(value, [...path, name]);
    }
  }

  /** Hides a key from where `from` matches. */
  #hideKey(key: unknown, from: RegExp): void {
    if (!isNode(key) || !key.range) return;
    const [start, end] = key.range;
    const at = this.text.slice(start, end).search(from);
    if (at !== -1) this.stars.hide(start + at, end);
  }

  #isSecret(name: string, value: Node, path: readonly string[]): boolean {
    const [section] = path;
    if (isScalar(value) && REFERENCE.test(String(value.value))) return false;
    const inBroker =
      section !== undefined && nearest(section, ['brokers']) !== undefined && path.length === 2;
    // Whatever an unknown key of a broker holds may have been meant as its password.
    if (inBroker && nearest(name, keysAt(['brokers', ''])) === undefined) return true;
    if (isInHttp(path) && isMaybeToken(name, value, path)) return true;
    if (!isSecretKey(name)) return false;
    // A route or a broker may be named `token`.
    if (path.length === 1 && isMap(value)) return false;
    return !(section === 'routes' && isScalar(value) && ONE_HOLE.test(String(value.value)));
  }

  /**
   * From behind the colon, so that a tag or an anchor in front of the value is in it, with a comment behind it: a password may
   * hold a `#` that its writer did not quote.
   */
  #valueRange(key: unknown, value: unknown): Range | undefined {
    if (!isNode(key) || !key.range || !isNode(value) || !value.range) return undefined;
    const colon = this.text.indexOf(':', key.range[1]);
    const start = colon === -1 || colon > value.range[1] ? key.range[1] : colon + 1;
    const blanks = /^[ \t]*/.exec(this.text.slice(start))?.[0].length ?? 0;
    const end = Math.max(start + blanks, value.range[1]);
    const nothing = isScalar(value) && value.value === null;
    const comment = (nothing ? /^(?:\s*#[^\n]*)*/ : /^[ \t]*#[^\n]*/).exec(this.text.slice(end));
    return [start + blanks, end + (comment?.[0].length ?? 0)];
  }

  #scalar([start, end]: Range, path: readonly string[]): void {
    const source = this.text.slice(start, end);
    if (source.includes('-----BEGIN')) this.stars.hide(start, end);
    const account = source.lastIndexOf('@');
    const scheme = source.indexOf('://');
    if (account === -1) return;
    if (scheme !== -1) this.stars.hide(start + scheme + 3, start + account);
    else if (path[0] === 'brokers') this.stars.hide(start, start + account);
  }
}

/** What the structure does not show: comments, text that is no YAML. */
function hideByLine(text: string, broken: boolean, stars: Stars): void {
  let below: number | undefined;
  let open: string | undefined;
  for (const { 0: line, index: start } of text.matchAll(/[^\r\n]+/g)) {
    const indent = line.search(/\S/);
    if (indent === -1) continue;
    if (open !== undefined || (below !== undefined && indent > below)) {
      stars.hide(start, start + line.length);
      if (open !== undefined && line.includes(open)) open = undefined;
      continue;
    }
    below = undefined;
    hideAccounts(line, start, broken, stars);
    const comment = broken ? 0 : line.search(/(?:^|\s)#/);
    if (comment === -1) continue;
    const at = valueOfSecret(line, comment);
    if (at === undefined) continue;
    stars.hide(start + at, start + line.length);
    if (!broken) continue;
    below = indent;
    open = openQuote(line.slice(at));
  }
}

/** Where in a line the value of the first secret key begins that stands at `from` or later. */
function valueOfSecret(line: string, from: number): number | undefined {
  for (const { 0: found, 1: name = '', index } of line.matchAll(/([A-Za-z_][\w-]*)["']?\s*[:=]\s*/g))
    if (index >= from && isSecretKey(name)) return index + found.length;
  return undefined;
}

/** The quote that a value begins with and that its line does not close. */
function openQuote(value: string): string | undefined {
  const quote = /^["']/.exec(value)?.[0];
  return quote === undefined || value.indexOf(quote, 1) !== -1 ? undefined : quote;
}

function hideAccounts(line: string, start: number, broken: boolean, stars: Stars): void {
  const accounts = broken ? /(?<=:\/\/).*(?=@)/g : /(?<=:\/\/)[^\s"']+(?=@)/g;
  for (const { 0: found, index } of line.matchAll(accounts))
    stars.hide(start + index, start + index + found.length);
}

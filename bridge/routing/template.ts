import type { PropertyValue } from '../message/message.js';
import { type Expression, ExpressionError, parseExpression, type Variables } from './expression.js';

/** What a template can see of one message. Names are looked up as own data, never through a prototype. */
export interface Scope {
  /** The value of the first name of a path: a capture, `topic`, `body`, `properties` or `message`. */
  lookup(name: string): unknown;
  /** The same names for an expression. */
  variables(): Variables;
}

/** Text with holes: `rooms.{room}`. A template that is just one hole keeps its value's type. */
export interface Template {
  /** As written in the mapping file. */
  readonly text: string;
  /** Literal texts and holes, in order: `rooms.`, {room}. */
  readonly parts: readonly (string | Hole)[];
}

/** What stands between braces: a CEL expression. */
export interface Hole {
  /** Character in the template's text where the expression begins. */
  readonly offset: number;
  readonly source: string;
  /** A dotted path, which is nearly always what it is, is followed without CEL: the first name in the scope, the rest inside. */
  readonly value: Path | Expression;
}

export interface Path {
  readonly path: readonly [string, ...string[]];
}

/** A mistake in a template; `offset` is the character in the text where it is. */
export class TemplateSyntaxError extends Error {
  override readonly name = 'TemplateSyntaxError';
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/** A path; `true`, `false` and `null` are values in CEL. */
const PATH = /^(?!(?:true|false|null)$)[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;

/**
 * Reads text with `{expression}` holes; `{{` and `}}` stand for the braces themselves.
 * @throws TemplateSyntaxError
 */
export function parseTemplate(text: string): Template {
  const parts: (string | Hole)[] = [];
  let literal = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '{' && text[i + 1] === '{') {
      literal += '{';
      i++;
    } else if (char === '}' && text[i + 1] === '}') {
      literal += '}';
      i++;
    } else if (char === '}') {
      throw new TemplateSyntaxError('a } without its {; write }} for the character itself', i);
    } else if (char === '{') {
      const end = endOfHole(text, i);
      if (end === undefined)
        throw new TemplateSyntaxError('this { is never closed; write {{ for the character itself', i);
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(parseHole(text.slice(i + 1, end), i));
      i = end;
    } else {
      literal += char;
    }
  }
  if (literal !== '' || parts.length === 0) parts.push(literal);
  return { text, parts };
}

/** The index of the brace that closes the one at `start`: not one in a text, nor one of a map inside. */
function endOfHole(text: string, start: number): number | undefined {
  let depth = 0;
  let quote: string | undefined;
  for (let i = start; i < text.length; i++) {
    const char = text[i];
    if (quote !== undefined) {
      if (char === '\\') i++;
      else if (char === quote) quote = undefined;
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return i;
  }
  return undefined;
}

function parseHole(inside: string, brace: number): Hole {
  const source = inside.trim();
  const offset = brace + 1 + (inside.length - inside.trimStart().length);
  if (source === '') throw new TemplateSyntaxError('there is nothing between these braces', brace);
  if (PATH.test(source)) {
    const [first = '', ...rest] = source.split('.');
    return { offset, source, value: { path: [first, ...rest] } };
  }
  try {
    return { offset, source, value: parseExpression(source) };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new TemplateSyntaxError(`{${source}}: ${error.message}`, offset + error.offset);
  }
}

/**
 * The template's value for one message: undefined when a hole has no value, the value itself (with its type) when
 * the template is just one hole, else text. Objects and arrays become JSON text.
 * @throws BridgeError `mapping-failed` when the operators of an expression do not take what they find
 */
export function evaluateTemplate(template: Template, scope: Scope): PropertyValue | undefined {
  const [only] = template.parts;
  if (template.parts.length === 1 && typeof only === 'object') return plainValue(valueFor(only, scope));
  return renderTemplate(template, scope, (text) => text);
}

/** The template as text, each hole's text passed through `encode`; undefined when a hole has no value. */
export function renderTemplate(
  template: Template,
  scope: Scope,
  encode: (text: string) => string,
): string | undefined {
  let text = '';
  for (const part of template.parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const value = plainValue(valueFor(part, scope));
    if (value === undefined) return undefined;
    text += encode(String(value));
  }
  return text;
}

function valueFor({ value }: Hole, scope: Scope): unknown {
  return 'path' in value ? resolve(value, scope) : value.evaluate(scope.variables());
}

function resolve({ path: [first, ...rest] }: Path, scope: Scope): unknown {
  let value = scope.lookup(first);
  for (const name of rest) {
    if (value instanceof Map) value = value.get(name);
    else if (typeof value === 'object' && value !== null && Object.hasOwn(value, name))
      value = (value as Record<string, unknown>)[name];
    else return undefined;
  }
  return value;
}

function plainValue(value: unknown): PropertyValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : undefined;
    case 'object':
      return value === null || Buffer.isBuffer(value) ? undefined : jsonOf(value);
    default:
      return undefined;
  }
}

/** A value nested so deeply that it cannot be written again (JSON.parse takes more than JSON.stringify) is none. */
function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value, jsonValue);
  } catch {
    return undefined;
  }
}

/** What CEL has and JSON does not. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Map ? Object.fromEntries(value) : value;
}

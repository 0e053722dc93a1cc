import type { PropertyValue } from '../message/message.js';

/** What a template can see of one message. Names are looked up as own data, never through a prototype. */
export interface Scope {
  /** The value of the first name of a path: a capture, `topic`, `body`, `properties` or `message`. */
  lookup(name: string): unknown;
}

/** Text with holes: `rooms.{room}`. A template that is just one hole keeps its value's type. */
export interface Template {
  /** As written in the mapping file. */
  readonly text: string;
  /** Literal texts and paths, in order: `rooms.`, ['room']. */
  readonly parts: readonly (string | Path)[];
}

/** A dotted path: the first name is looked up in the scope, the rest inside the value. */
export interface Path {
  readonly path: readonly [string, ...string[]];
  /** Character in the template's text where the hole begins. */
  readonly offset: number;
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

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Reads text with `{path}` holes; `{{` and `}}` stand for the braces themselves.
 * @throws TemplateSyntaxError
 */
export function parseTemplate(text: string): Template {
  const parts: (string | Path)[] = [];
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
      const end = text.indexOf('}', i);
      if (end === -1)
        throw new TemplateSyntaxError('this { is never closed; write {{ for the character itself', i);
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push({ path: parsePath(text.slice(i + 1, end).trim(), i), offset: i });
      i = end;
    } else {
      literal += char;
    }
  }
  if (literal !== '' || parts.length === 0) parts.push(literal);
  return { text, parts };
}

function parsePath(source: string, offset: number): [string, ...string[]] {
  const [first = '', ...rest] = source.split('.');
  if (!NAME.test(first) || !rest.every((name) => NAME.test(name)))
    throw new TemplateSyntaxError(
      `{${source}} is not a name or a dotted path such as {room}, {body.from} or {properties.room}`,
      offset,
    );
  return [first, ...rest];
}

/**
 * The template's value for one message: undefined when a hole has no value, the value itself (with its type) when
 * the template is just one hole, else text. Objects and arrays become JSON text.
 */
export function evaluateTemplate(template: Template, scope: Scope): PropertyValue | undefined {
  const [only] = template.parts;
  if (template.parts.length === 1 && typeof only === 'object') return plainValue(resolve(only, scope));
  return renderTemplate(template, scope, (text) => text);
}

/**
 * The template as text, each hole's text passed through `encode` (`first`: the text begins with it); undefined when a
 * hole has no value.
 */
export function renderTemplate(
  template: Template,
  scope: Scope,
  encode: (text: string, first: boolean) => string,
): string | undefined {
  let text = '';
  for (const part of template.parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const value = plainValue(resolve(part, scope));
    if (value === undefined) return undefined;
    text += encode(String(value), text === '');
  }
  return text;
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
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

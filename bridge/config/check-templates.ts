import {
  ALWAYS_KNOWN,
  checkExpression,
  ExpressionError,
  MESSAGE_FIELDS,
  parseExpression,
} from '../routing/expression.js';
import { type Path, parseTemplate, type Template, TemplateSyntaxError } from '../routing/template.js';
import { didYouMean } from './nearest.js';
import type { Node, Report, ScalarNode } from './source.js';

/** Keys of a `to` that hold templates, and the map of such. */
const TEMPLATES: ReadonlySet<string> = new Set([
  'mqtt',
  'queue',
  'topic',
  'body',
  'properties',
  'type',
  'correlationId',
  'replyTo',
  'group',
]);

/** The names that the templates of a rule can use besides those that every message has. */
export interface Names {
  /** Text each. */
  readonly captures: ReadonlySet<string>;
  /** Maps: `reply` of a request, `request` of an answer. */
  readonly more?: readonly ('reply' | 'request')[];
}

/** What stands in each map that is not just anything. */
const FIELDS: Readonly<Record<string, { readonly of: string; readonly names: readonly string[] }>> = {
  message: { of: 'a message', names: MESSAGE_FIELDS },
  reply: { of: '"reply"', names: ['id'] },
  request: { of: '"request"', names: ['topic', 'correlationId'] },
};

const knownOf = ({ captures, more = [] }: Names): string[] => [...captures, ...ALWAYS_KNOWN, ...more];

/** Every template at or below a place uses only names that it can see. Syntax is the schema's business. */
export function checkTemplates(node: Node | undefined, names: Names | undefined, report: Report): void {
  if (node === undefined || names === undefined || node.kind === 'list') return;
  if (node.kind === 'scalar') {
    checkNames(node, names, report);
    return;
  }
  for (const [key, value] of node.entries) {
    if (!TEMPLATES.has(key)) continue;
    if (key !== 'properties') checkTemplates(value, names, report);
    else if (value.kind === 'map')
      for (const property of value.entries.values()) checkTemplates(property, names, report);
  }
}

function checkNames(node: ScalarNode, names: Names, report: Report): void {
  if (typeof node.value !== 'string' || node.failed) return;
  for (const part of parsed(node.value)?.parts ?? []) {
    if (typeof part === 'string') continue;
    if ('path' in part.value) checkPath(node, part.value, part.offset, names, report);
    else checkCel(node, part.source, part.offset, names, report);
  }
}

function checkPath(node: ScalarNode, { path }: Path, within: number, names: Names, report: Report): void {
  const [first, second] = path;
  const fields = names.captures.has(first) || !Object.hasOwn(FIELDS, first) ? undefined : FIELDS[first];
  const known = knownOf(names);
  if (!known.includes(first))
    report.at(
      node,
      `{${first}} is not known here${didYouMean(first, known) || `; known: ${known.join(', ')}`}`,
      { within, quotes: true },
    );
  else if (fields !== undefined && second !== undefined && !fields.names.includes(second))
    report.at(node, `${fields.of} has no "${second}"; it has ${fields.names.join(', ')}`, {
      within,
      quotes: true,
    });
  else if (names.captures.has(first) && second !== undefined)
    report.at(node, `{${path.join('.')}} has no value: the capture {${first}} is text`, {
      within,
      quotes: true,
    });
}

/** The type that an expression gives; undefined when it has a problem, which is reported at its place. */
function checkCel(
  node: ScalarNode,
  source: string,
  offset: number,
  names: Names,
  report: Report,
): string | undefined {
  try {
    return checkExpression(source, names.captures, names.more);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const unknown = /^Unknown variable: (\w+)$/.exec(error.message)?.[1];
    const known = knownOf(names);
    const advice =
      unknown === undefined
        ? error.message
        : /^(?:null|true|false|none)$/i.test(unknown)
          ? `"${unknown}" is written ${unknown.replace(/none/i, 'null').toLowerCase()} here`
          : `"${unknown}" is not known here${didYouMean(unknown, known) || `; known: ${known.join(', ')}`}`;
    report.at(node, advice, { within: offset + error.offset, quotes: true });
    return undefined;
  }
}

/** A `where` says yes or no. Its syntax is the schema's business. */
export function checkWhere(node: Node | undefined, names: Names | undefined, report: Report): void {
  if (node?.kind !== 'scalar' || typeof node.value !== 'string' || node.failed || names === undefined) return;
  if (!isExpression(node.value)) return;
  const type = checkCel(node, node.value, 0, names, report);
  if (type !== undefined && type !== 'bool' && type !== 'dyn')
    report.at(node, `"where" must be true or false, and this gives ${type}; compare it with something`);
}

function isExpression(text: string): boolean {
  try {
    parseExpression(text);
    return true;
  } catch (error) {
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

function parsed(text: string): Template | undefined {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (error instanceof TemplateSyntaxError) return undefined;
    throw error;
  }
}

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
  'group',
]);

/** Every template at or below a place uses only names that it can see. Syntax is the schema's business. */
export function checkTemplates(
  node: Node | undefined,
  captures: ReadonlySet<string> | undefined,
  report: Report,
): void {
  if (node === undefined || captures === undefined || node.kind === 'list') return;
  if (node.kind === 'scalar') {
    checkNames(node, captures, report);
    return;
  }
  for (const [key, value] of node.entries) {
    if (!TEMPLATES.has(key)) continue;
    if (key !== 'properties') checkTemplates(value, captures, report);
    else if (value.kind === 'map')
      for (const property of value.entries.values()) checkTemplates(property, captures, report);
  }
}

function checkNames(node: ScalarNode, captures: ReadonlySet<string>, report: Report): void {
  if (typeof node.value !== 'string' || node.failed) return;
  for (const part of parsed(node.value)?.parts ?? []) {
    if (typeof part === 'string') continue;
    if ('path' in part.value) checkPath(node, part.value, part.offset, captures, report);
    else checkCel(node, part.source, part.offset, captures, report);
  }
}

function checkPath(
  node: ScalarNode,
  { path }: Path,
  within: number,
  captures: ReadonlySet<string>,
  report: Report,
): void {
  const [first, second] = path;
  const known = [...captures, ...ALWAYS_KNOWN];
  if (!known.includes(first))
    report.at(
      node,
      `{${first}} is not known here${didYouMean(first, known) || `; known: ${known.join(', ')}`}`,
      { within, quotes: true },
    );
  else if (
    first === 'message' &&
    second !== undefined &&
    !captures.has(first) &&
    !MESSAGE_FIELDS.includes(second)
  )
    report.at(node, `a message has no "${second}"; it has ${MESSAGE_FIELDS.join(', ')}`, {
      within,
      quotes: true,
    });
  else if (captures.has(first) && second !== undefined)
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
  captures: ReadonlySet<string>,
  report: Report,
): string | undefined {
  try {
    return checkExpression(source, captures);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const unknown = /^Unknown variable: (\w+)$/.exec(error.message)?.[1];
    const known = [...captures, ...ALWAYS_KNOWN];
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
export function checkWhere(
  node: Node | undefined,
  captures: ReadonlySet<string> | undefined,
  report: Report,
): void {
  if (node?.kind !== 'scalar' || typeof node.value !== 'string' || node.failed || captures === undefined)
    return;
  if (!isExpression(node.value)) return;
  const type = checkCel(node, node.value, 0, captures, report);
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

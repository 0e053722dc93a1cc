import { parseTemplate, type Template, TemplateSyntaxError } from '../routing/template.js';
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

const ALWAYS: readonly string[] = ['topic', 'body', 'properties', 'message'];

/** What `{message.…}` has. */
const OF_MESSAGE: readonly string[] = [
  'id',
  'timestamp',
  'correlationId',
  'replyTo',
  'type',
  'group',
  'priority',
  'persistent',
  'qos',
  'retained',
  'address',
];

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
    const [first, second] = part.path;
    const known = [...captures, ...ALWAYS];
    if (!known.includes(first))
      report.at(
        node,
        `{${first}} is not known here${didYouMean(first, known) || `; known: ${known.join(', ')}`}`,
        {
          within: part.offset,
        },
      );
    else if (
      first === 'message' &&
      second !== undefined &&
      !captures.has(first) &&
      !OF_MESSAGE.includes(second)
    )
      report.at(node, `a message has no "${second}"; it has ${OF_MESSAGE.join(', ')}`, {
        within: part.offset,
      });
    else if (captures.has(first) && second !== undefined)
      report.at(node, `{${part.path.join('.')}} has no value: the capture {${first}} is text`, {
        within: part.offset,
      });
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

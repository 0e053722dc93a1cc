import type { AddressKind } from '../message/address.js';
import { forbiddenIn } from '../routing/pattern.js';
import { parseTemplate, type Template, TemplateSyntaxError } from '../routing/template.js';

/**
 * Reads the name of a destination: a template whose literal parts hold nothing that a broker gives a meaning of its
 * own. What holes put in is encoded later, message by message.
 * @throws TemplateSyntaxError
 */
export function parseDestination(kind: AddressKind, text: string): Template {
  if (text === '') throw new TemplateSyntaxError('a name must not be empty', 0);
  const template = parseTemplate(text);
  let offset = 0;
  for (const part of template.parts) {
    if (typeof part !== 'string') {
      offset = text.indexOf('}', part.offset) + 1;
      continue;
    }
    const bad = forbiddenIn(kind, part);
    if (bad !== undefined) throw new TemplateSyntaxError(explain(kind, bad.char), offset + bad.offset);
    offset += part.length;
  }
  return template;
}

function explain(kind: AddressKind, char: string): string {
  if (char === '/' && kind !== 'mqtt') return `the levels of a ${kind} are parted by ".", not "/"`;
  if (char === '{' || char === '}') return 'a hole is written {name}, with single braces';
  const what = kind === 'mqtt' ? 'topic' : kind;
  return `${JSON.stringify(char)} cannot stand in the name of a ${what}: brokers give it a meaning of its own`;
}

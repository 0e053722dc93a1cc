import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderName } from '../../../bridge/routing/destination-name.js';
import { parseTemplate } from '../../../bridge/routing/template.js';

const nameOf = (template: string, values: Record<string, unknown>) =>
  renderName(parseTemplate(template), {
    lookup: (name) => (Object.hasOwn(values, name) ? values[name] : undefined),
    variables: () => new Map(Object.entries(values)),
  });

const RESERVED = /^(?:activemq|virtualtopic|consumer|dlq|expiryqueue|\$)/i;

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(
    '',
    '%',
    '$',
    'A',
    'Active',
    'MQ',
    'ActiveMQ',
    'Virtual',
    'Topic',
    'Con',
    'sumer',
    'DL',
    'Q',
  ),
);
/** What a rule may write itself: no reserved beginning of its own. */
const literal = fc
  .stringMatching(/^[A-Za-z.-]{0,6}$/)
  .filter((text) => !RESERVED.test(text))
  .chain((text) => fc.constantFrom(text, 'Active', 'activem', 'DL', 'Consume', 'x.'));

describe('the name that a rule makes', () => {
  it('has the levels that the rule writes, whatever comes out of the holes', () => {
    fc.assert(
      fc.property(literal, anyText, literal, anyText, literal, (before, a, between, b, after) => {
        const name = nameOf(`${before}{a}${between}{b}${after}`, { a, b });
        expect(name?.split('.')).toHaveLength(`${before}a${between}b${after}`.split('.').length);
        expect(name?.startsWith(before)).toBe(true);
        expect(name?.endsWith(after)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it('never begins with what brokers keep for themselves, in parts of holes and literals neither', () => {
    fc.assert(
      fc.property(literal, anyText, literal, anyText, literal, (before, a, between, b, after) => {
        expect(nameOf(`${before}{a}${between}{b}${after}`, { a, b })).not.toMatch(RESERVED);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is another one for every text of its one hole', () => {
    fc.assert(
      fc.property(literal, anyText, anyText, literal, (before, a, b, after) => {
        fc.pre(a !== b);
        const template = `${before}{x}${after}`;
        expect(nameOf(template, { x: a })).not.toBe(nameOf(template, { x: b }));
      }),
      { numRuns: 5_000 },
    );
  });

  it('is another one for every two texts in levels of their own', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, anyText, (a, b, c, d) => {
        fc.pre(a !== c || b !== d);
        expect(nameOf('{a}.{b}', { a, b })).not.toBe(nameOf('{a}.{b}', { a: c, b: d }));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['{a}{b}', { a: 'ActiveM', b: 'Q.x' }, '%41ctiveMQ%2Ex'],
    ['Active{a}.{b}', { a: 'MQ', b: 'Advisory' }, 'Active%4DQ.Advisory'],
    ['{a}MQ.x', { a: 'Active' }, '%41ctiveMQ.x'],
    ['{a}{b}', { a: '', b: 'ActiveMQ' }, '%ActiveMQ'],
    ['{a}{b}', { a: '$', b: 'SYS' }, '%24SYS'],
    ['Consumer.{a}.VirtualTopic.{b}', { a: 'g', b: 'x' }, 'Consumer.g.VirtualTopic.x'],
    ['ActiveMQ{a}', { a: 's' }, 'ActiveMQs'],
    ['x.{a}', { a: 'ActiveMQ' }, 'x.ActiveMQ'],
    // Two holes in one level run together, as in any text.
    ['{a}{b}', { a: 'x', b: 'yz' }, 'xyz'],
    ['{a}{b}', { a: 'xy', b: 'z' }, 'xyz'],
    ['{a}', {}, undefined],
  ])('%s is for %j %j', (template, values, name) => {
    expect(nameOf(template, values)).toBe(name);
  });
});

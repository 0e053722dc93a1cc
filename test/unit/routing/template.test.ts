import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  evaluateTemplate,
  parseTemplate,
  renderTemplate,
  TemplateSyntaxError,
} from '../../../bridge/routing/template.js';

const scope = (values: Record<string, unknown>) => ({
  lookup: (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined),
  variables: () => new Map(Object.entries(values)),
});
const doubled = (text: string) => text.replaceAll('{', '{{').replaceAll('}', '}}');

describe('templates', () => {
  it('give any literal text back once its braces are doubled', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(evaluateTemplate(parseTemplate(doubled(text)), scope({}))).toBe(text);
      }),
    );
  });

  it('put what a hole has between its literals', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (before, value, after) => {
        const template = parseTemplate(`${doubled(before)}{ x }${doubled(after)}`);
        expect(renderTemplate(template, scope({ x: value }), (text) => text)).toBe(before + value + after);
      }),
    );
  });

  it('throw nothing but a syntax error with a place inside the text', () => {
    const pieces = fc.array(fc.constantFrom('{', '}', '{{', '}}', 'a', '.', ' ', '{a}', '{a.b}'));
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map((some) => some.join('')),
          fc.string(),
        ),
        (text) => {
          try {
            expect(parseTemplate(text).text).toBe(text);
          } catch (error) {
            if (!(error instanceof TemplateSyntaxError)) throw error;
            expect(error.offset).toBeGreaterThanOrEqual(0);
            expect(error.offset).toBeLessThan(text.length);
          }
        },
      ),
    );
  });

  it('of just one hole keep the type of its value', () => {
    const values = { n: 5, yes: true, big: 12n, deep: { n: 1 }, nothing: null };
    const of = (text: string) => evaluateTemplate(parseTemplate(text), scope(values));
    expect([of('{n}'), of('{yes}'), of('{big}'), of('{deep.n}'), of('{deep}')]).toEqual([
      5,
      true,
      12n,
      1,
      '{"n":1}',
    ]);
    expect([of('n={n}'), of('{nothing}'), of('x{missing}'), of('{deep.toString}')]).toEqual([
      'n=5',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('take expressions, with braces and quotes inside', () => {
    const values = { room: 'a}b', n: 7 };
    const of = (text: string) => evaluateTemplate(parseTemplate(text), scope(values));
    expect(of('{n + 1}')).toBe(8);
    expect(of('n is {n > 3 ? "}big{" : \'small\'}!')).toBe('n is }big{!');
    expect(of('{ {"room": room, "list": [1, n]} }')).toBe('{"room":"a}b","list":[1,7]}');
    expect(of('{n}{room}')).toBe('7a}b');
    expect(() => parseTemplate('x {n +} y')).toThrow(expect.objectContaining({ offset: 5 }));
  });

  it('read {{ and }} as the braces themselves, also beside a hole', () => {
    expect(evaluateTemplate(parseTemplate('{{"a":{x}}}'), scope({ x: 1 }))).toBe('{"a":1}');
  });
});

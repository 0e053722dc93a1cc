import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AddressKind,
  isLiteral,
  LEVEL_SEPARATOR,
  renderPattern,
} from '../../../bridge/message/address.js';
import { PatternSyntaxError, parsePattern } from '../../../bridge/routing/pattern.js';

const kinds = fc.constantFrom<AddressKind>('mqtt', 'queue', 'topic');
const level = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);

describe('patterns', () => {
  it('of literal levels only name exactly that address', () => {
    fc.assert(
      fc.property(kinds, fc.array(level, { minLength: 1 }), (kind, levels) => {
        const text = levels.join(LEVEL_SEPARATOR[kind]);
        const pattern = parsePattern(kind, text);
        expect(isLiteral(pattern)).toBe(true);
        expect(renderPattern(pattern, { one: '+', rest: '#' })).toBe(text);
      }),
    );
  });

  it('throw nothing but a syntax error with a place inside the text', () => {
    const pieces = fc.array(
      fc.constantFrom('{', '}', 'a', '.', '...', '/', '{a}', '{b...}', '+', '#', '*', '>', ' '),
    );
    fc.assert(
      fc.property(
        kinds,
        fc.oneof(
          pieces.map((some) => some.join('')),
          fc.string(),
        ),
        (kind, text) => {
          try {
            expect(parsePattern(kind, text).text).toBe(text);
          } catch (error) {
            if (!(error instanceof PatternSyntaxError)) throw error;
            expect(error.offset).toBeGreaterThanOrEqual(0);
            expect(error.offset).toBeLessThan(Math.max(text.length, 1));
          }
        },
      ),
    );
  });

  it('say which level each capture stands for', () => {
    const pattern = parsePattern('mqtt', 'chat/{room}/x/{rest...}');
    expect(renderPattern(pattern, { one: '+', rest: '#' })).toBe('chat/+/x/#');
    expect([...pattern.captures]).toEqual([
      [1, 'room'],
      [3, 'rest'],
    ]);
  });

  it.each([
    ['mqtt', 'a/+/b', 2, /\{name\}/],
    ['mqtt', 'a/#', 2, /\{name\.\.\.\}/],
    ['queue', 'a.*', 2, /\{name\}/],
    ['queue', 'a.b/c', 3, /"\/"/],
    ['mqtt', 'a/{x}y', 2, /whole level/],
    ['mqtt', '{x}/{x}', 4, /twice/],
    ['mqtt', '{x...}/a', 0, /last level/],
    ['topic', '', 0, /empty/],
  ] as const)('refuse %s %j at its place', (kind, text, offset, message) => {
    expect(() => parsePattern(kind, text)).toThrow(
      expect.objectContaining({ offset, message: expect.stringMatching(message) }),
    );
  });
});

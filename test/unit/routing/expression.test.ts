import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BridgeError } from '../../../bridge/errors.js';
import {
  checkExpression,
  conjunctsOf,
  ExpressionError,
  parseExpression,
  questionsOf,
  textsDemandedOf,
} from '../../../bridge/routing/expression.js';

const VARIABLES = new Map<string, unknown>(
  Object.entries({
    room: 'lobby',
    topic: 'chat/lobby/messages',
    body: JSON.parse(
      '{"n":7,"half":0.5,"text":"hi","list":[1,2],"nothing":null,"__proto__":{"evil":true}}',
    ) as unknown,
    properties: new Map<string, unknown>([
      ['kind', 'a'],
      ['count', 5],
      ['big', 2n ** 62n],
    ]),
    message: new Map<string, unknown>([['qos', 1]]),
  }),
);
const of = (text: string) => parseExpression(text).evaluate(VARIABLES);

describe('an expression', () => {
  it.each([
    ['body.n + 1', 8],
    ['1 + body.n', 8],
    ['body.n % 2 == 1', true],
    ['body.n / 2', 3.5],
    ['body.half * 4', 2],
    ['size(body.text)', 2],
    ['properties.count + 1', 6],
    ['properties.big', 2n ** 62n],
    ['message.qos == 1', true],
    ['room + "-x"', 'lobby-x'],
    ['string(body.n)', '7'],
    ['body.list.exists(x, x == 2)', true],
    ['[1, "a", room]', [1n, 'a', 'lobby']],
    ['body.nothing', null],
    ['has(body.missing)', false],
    ['body.list[5]', undefined],
    ['timestamp("2026-01-02T03:04:05Z")', '2026-01-02T03:04:05.000Z'],
    ['body.text.matches("^h.$")', true],
    ['room.matches("^" + body.text)', false],
  ])('%s', (text, expected) => {
    expect(of(text)).toEqual(expected);
  });

  it.each([
    'body.missing',
    'body.missing.deeper',
    'properties.none',
    'body.constructor',
    'body.toString',
    'properties.__proto__',
  ])('%s is not there, also where JavaScript has something of that name', (text) => {
    expect(of(text)).toBeUndefined();
  });

  it('says at run time what does not go together', () => {
    const refused = () => of('body.text + 1');
    expect(refused).toThrow(BridgeError);
    expect(refused).toThrow(
      '"body.text + 1": there is no string + int; string(…), int(…) and double(…) convert',
    );
  });

  it('matches a pattern that is made to take for ever in no time', () => {
    const slow = new Map(VARIABLES).set('room', `${'a'.repeat(50_000)}!`);
    expect(parseExpression('room.matches("^(a+)+$")').evaluate(slow)).toBe(false);
    expect(parseExpression('!room.matches("^(a|aa)+$") && true').evaluate(slow)).toBe(true);
  });

  it.each([
    ['body.n ==', 8, 'the expression ends too early'],
    ['rom == "x"', 0, 'Unknown variable: rom'],
    ['1 + room', 0, 'there is no int + string; string(…), int(…) and double(…) convert'],
    ['room.matches("a(")', 13, 'is no regular expression'],
    [`${'('.repeat(60)}1${')'.repeat(60)}`, 50, 'longer or nested deeper'],
  ])('that is wrong, %s, is refused at character %i', (text, offset, message) => {
    let error: unknown;
    try {
      checkExpression(text, ['room']);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ExpressionError);
    expect(error).toMatchObject({ offset, message: expect.stringContaining(message) });
  });

  it.each(['type', 'int', 'string', 'for', 'package', '__proto__', 'has'])(
    'says that a capture named %s means something else, and only where it is used',
    (name) => {
      expect(checkExpression('room == "a"', ['room', name])).toBe('bool');
      let error: unknown;
      try {
        checkExpression(`room == "a" && ${name} == "b"`, ['room', name]);
      } catch (caught) {
        error = caught;
      }
      if (name !== 'has') expect(error).toBeInstanceOf(ExpressionError);
    },
  );

  it.each([
    ['message.topik == "x"', 'a message has no "topik"'],
    ['5u', 'uint'],
    ['duration("1h")', 'duration'],
    ['bytes("x")', 'bytes'],
  ])('%s is refused before any message comes', (text, words) => {
    expect(() => checkExpression(text, [])).toThrow(words);
  });

  it('tells its type before any message comes', () => {
    expect(
      ['room == "a"', 'size(room)', 'body.x', 'room'].map((text) => checkExpression(text, ['room'])),
    ).toEqual(['bool', 'int', 'dyn', 'string']);
  });

  it('throws nothing but its own error, whatever the text is', () => {
    const piece = fc.constantFrom(
      'body',
      '.',
      'n',
      ' ',
      '"',
      "'",
      '(',
      ')',
      '[',
      '{',
      '}',
      '==',
      '+',
      '1',
      '?',
      ':',
      'matches',
      '\\',
      'in',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece).map((some) => some.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          try {
            checkExpression(text, ['room']);
            parseExpression(text);
          } catch (error) {
            if (!(error instanceof ExpressionError)) throw error;
            expect(error.offset).toBeGreaterThanOrEqual(0);
            expect(error.offset).toBeLessThanOrEqual(text.length);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('the parts of an expression', () => {
  const texts = (parts: readonly { readonly text: string }[]) => parts.map(({ text }) => text);

  it.each([
    ['body.n == 1', ['body.n == 1']],
    ['a == 1 && (b == 2 || c) && size(d) > 0', ['a == 1', 'b == 2 || c', 'size(d) > 0']],
    ['!(a && b)', ['!(a && b)']],
    ['(a || b) == c && d', ['(a || b) == c', 'd']],
  ])('that all have to be true, of %s', (text, expected) => {
    expect(texts(conjunctsOf(text))).toEqual(expected);
    for (const { text: part, offset } of conjunctsOf(text)) expect(text.indexOf(part, offset)).toBe(offset);
  });

  it.each([
    ['body.type == "a" && (room != "x" || has(body.y.z))', ['body.type', 'room', 'body.y.z']],
    ['room == "a" || room == "b"', ['room']],
    ['body.list.exists(x, x.a == room)', ['body.list', 'room']],
    ['body.list[0].n > 1', ['body.list']],
    ['[1, 2].exists(x, x > 1)', []],
  ])('that ask something of a message, of %s', (text, expected) => {
    expect(texts(questionsOf(text, ['body', 'room']))).toEqual(expected);
  });

  it('that demand a text of a name', () => {
    expect(textsDemandedOf('topic == "a/b" && "c" == topic && topic != "d" && body == "e"', 'topic')).toEqual(
      [
        { text: 'a/b', offset: 9 },
        { text: 'c', offset: 18 },
      ],
    );
    expect(textsDemandedOf('topic == "a" || topic == "b"', 'topic')).toEqual([]);
  });

  it('are found in any expression that there is', () => {
    const text = fc.array(
      fc.constantFrom(
        'a',
        'body.x',
        '"t"',
        ' && ',
        ' || ',
        ' == ',
        '(',
        ')',
        '!',
        'size',
        '[',
        ']',
        '.',
        '1',
      ),
    );
    fc.assert(
      fc.property(
        text.map((pieces) => pieces.join('')),
        (source) => {
          try {
            for (const part of [...conjunctsOf(source), ...questionsOf(source, ['a', 'body'])])
              expect(source.slice(part.offset)).toSatisfy((rest: string) => rest.startsWith(part.text));
          } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError);
          }
        },
      ),
    );
  });
});

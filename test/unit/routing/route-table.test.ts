import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverPatterns } from '../../../bridge/routing/cover.js';
import { type CapturePattern, parsePattern } from '../../../bridge/routing/pattern.js';
import { RouteTable } from '../../../bridge/routing/route-table.js';

const names = (kind: 'mqtt' | 'queue', patterns: string[]) =>
  new RouteTable(
    kind,
    patterns.map((text) => ({ pattern: parsePattern(kind, text), route: text })),
  );

describe('a route table', () => {
  it('finds every route that takes a name, in the order of the file', () => {
    const table = names('mqtt', [
      'chat/{rest...}',
      'chat/{room}/messages',
      'chat/lobby/messages',
      'users/{a}/inbox',
    ]);
    expect(table.match('chat/lobby/messages').map(({ route }) => route)).toEqual([
      'chat/{rest...}',
      'chat/{room}/messages',
      'chat/lobby/messages',
    ]);
    expect(table.match('chat').map(({ route }) => route)).toEqual([]);
    expect(table.match('nobody')).toEqual([]);
  });

  it('captures one level, and all that is left', () => {
    const [one] = names('mqtt', ['chat/{room}/messages']).match('chat/a%2Eb/messages');
    expect(one?.captures).toEqual(new Map([['room', 'a.b']]));
    const [rest] = names('queue', ['rooms.{room}.{rest...}']).match('rooms.lobby.x.y');
    expect(rest?.captures).toEqual(
      new Map([
        ['room', 'lobby'],
        ['rest', 'x.y'],
      ]),
    );
  });

  it('tells what was encoded in one level from several levels', () => {
    const rest = (name: string) => names('mqtt', ['chat/{rest...}']).match(name)[0]?.captures.get('rest');
    expect(rest('chat/a/b')).toBe('a/b');
    expect(rest('chat/a%2Fb')).toBe('a%2Fb');
  });

  it('reads an encoded reserved word at the start of a name only', () => {
    const [found] = names('queue', ['{a}.{b}']).match('%41ctiveMQ.%41ctiveMQ');
    expect(found?.captures).toEqual(
      new Map([
        ['a', 'ActiveMQ'],
        ['b', '%41ctiveMQ'],
      ]),
    );
  });

  it('does not let a capture at the start take a topic that begins with $ (MQTT 3.1.1, 4.7.2)', () => {
    const table = names('mqtt', ['{all...}', '{first}/x', '$SYS/x']);
    expect(table.match('$SYS/x').map(({ route }) => route)).toEqual(['$SYS/x']);
  });

  it('keeps names like __proto__ apart from its own structure', () => {
    const table = names('mqtt', ['a/{x}']);
    expect(table.match('__proto__/constructor')).toEqual([]);
    expect(table.match('a/__proto__')[0]?.captures.get('x')).toBe('__proto__');
  });

  it('agrees with matching each pattern on its own', () => {
    fc.assert(
      fc.property(fc.array(patternText, { minLength: 1, maxLength: 8 }), nameText, (patterns, name) => {
        const together = names('mqtt', patterns)
          .match(name)
          .map(({ route }) => route);
        const alone = patterns.filter((text) => names('mqtt', [text]).match(name).length > 0);
        expect(together).toEqual(alone);
      }),
    );
  });
});

describe('covering subscriptions', () => {
  it('take every name that a pattern takes, exactly once', () => {
    fc.assert(
      fc.property(fc.array(patternText, { minLength: 1, maxLength: 6 }), nameText, (texts, name) => {
        const patterns = texts.map((text) => parsePattern('mqtt', text));
        const covers = coverPatterns(
          patterns.map((pattern) => ({ pattern, extra: 1 })),
          Math.max,
        );
        const wanted = patterns.some((pattern) => takes(pattern, name));
        const hits = covers.filter(({ pattern }) => takes(pattern as CapturePattern, name)).length;
        expect(hits).toBeLessThanOrEqual(1);
        if (wanted) expect(hits).toBe(1);
      }),
    );
  });

  it.each([
    [['a/{x}', 'b/{x}'], 2],
    [['a/{x}', '{y}/b'], 1],
    [['a/{x...}', 'a'], 2],
    [['a/b/c', 'a/{x...}'], 1],
    [['a/b', 'a/b'], 1],
  ])('for %j are %i: what shares no name stays apart', (texts, count) => {
    const patterns = texts.map((text) => ({ pattern: parsePattern('mqtt', text), extra: 1 }));
    expect(coverPatterns(patterns, Math.max)).toHaveLength(count);
  });
});

const level = fc.constantFrom('a', 'b', 'c');
const nameText = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const patternText = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, rest]) =>
    [
      ...levels.map((text, index) => (text === '+' ? `{c${index}}` : text)),
      ...(rest ? ['{rest...}'] : []),
    ].join('/'),
  );

function takes(pattern: Pick<CapturePattern, 'levels' | 'kind'>, name: string): boolean {
  const levels = name.split('/');
  const rest = pattern.levels.at(-1) === 'rest';
  const fixed = rest ? pattern.levels.slice(0, -1) : pattern.levels;
  if (rest ? levels.length <= fixed.length : levels.length !== fixed.length) return false;
  return fixed.every(
    (wanted, index) => wanted === 'one' || (typeof wanted === 'object' && wanted.literal === levels[index]),
  );
}

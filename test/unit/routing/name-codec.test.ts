import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLevel, encodeLevel, keepBeginning } from '../../../bridge/routing/name-codec.js';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.constantFrom('%', '%2E', '2E', 'u', '%uD800', 'D800', '.', '\ud83d', '\ude00', 'ü', 'A'))
    .map((pieces) => pieces.join('')),
  fc
    .tuple(
      fc.constantFrom('ActiveMQ', 'activemq', 'VIRTUALtopic', 'Consumer', 'dlq', 'ExpiryQueue', '$SYS'),
      fc.constantFrom('', '.Advisory', 's', '%'),
    )
    .map((pieces) => pieces.join('')),
);

/** As a level of a name, and as the level that the name begins with. */
const ways = fc.boolean();
const levelOf = (text: string, first: boolean) =>
  first ? keepBeginning(encodeLevel(text), 0) : encodeLevel(text);

describe('a text inside a destination name', () => {
  it('comes back as it was, whatever it is', () => {
    fc.assert(
      fc.property(anyText, ways, (text, first) => decodeLevel(levelOf(text, first), first) === text),
      { numRuns: 5_000 },
    );
  });

  it('never gives the name of another text', () => {
    fc.assert(
      fc.property(anyText, anyText, ways, (a, b, first) => {
        fc.pre(a !== b);
        return levelOf(a, first) !== levelOf(b, first);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is read out of one name of our making only', () => {
    const level = fc.stringMatching(/^[%A-Fa-f0-9.u]{0,12}$/);
    fc.assert(
      fc.property(level, ways, (name, first) => {
        const text = decodeLevel(name, first);
        return text === name || levelOf(text, first) === name;
      }),
      { numRuns: 5_000 },
    );
  });

  it('is one level in every dialect, printable, and nothing to do with wildcards, options and prefixes', () => {
    fc.assert(
      fc.property(anyText, ways, (text, first) => {
        const level = levelOf(text, first);
        expect(level).not.toBe('');
        expect(level).not.toMatch(/[.*>#+/,?&=:$\\;|{}"'`<\s]/);
        expect(level).not.toMatch(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}]/u);
      }),
      { numRuns: 5_000 },
    );
  });

  it('does not begin a name with what brokers keep for themselves', () => {
    fc.assert(
      fc.property(
        anyText,
        (text) => !/^(?:activemq|virtualtopic|consumer|dlq|expiryqueue|\$)/i.test(levelOf(text, true)),
      ),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['lobby', 'lobby'],
    ['a.b', 'a%2Eb'],
    ['a,queue://b', 'a%2Cqueue%3A%2F%2Fb'],
    ['', '%'],
    ['%', '%25'],
    ['ü😀', 'ü😀'],
    ['\ud800', '%uD800'],
    ['\u202ex', '%E2%80%AEx'],
    ['\ufffe', '%EF%BF%BE'],
    ['👨‍👩', '👨%E2%80%8D👩'],
    // Not assigned in any Unicode version so far: it may be a letter in the next one.
    ['\u0378', '\u0378'],
  ])('is %j as %j', (text, encoded) => {
    expect(encodeLevel(text)).toBe(encoded);
  });

  it('is left alone when another program wrote it', () => {
    for (const name of ['100%-sure', '%FF', '%61dmin', 'lobby.x', '%2e', '%uDC'])
      expect(decodeLevel(name)).toBe(name);
    // Only at the beginning of a name is this an A that we wrote.
    expect(decodeLevel('%41ctiveMQ')).toBe('%41ctiveMQ');
    expect(decodeLevel('%41ctiveMQ', true)).toBe('ActiveMQ');
  });
});

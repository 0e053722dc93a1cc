import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLevel, encodeLevel } from '../../../bridge/routing/name-codec.js';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);

describe('a captured text inside a destination name', () => {
  it('comes back as it was, whatever it is', () => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, first) => decodeLevel(encodeLevel(text, first)) === text),
    );
  });

  it('never gives the name of another text', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        fc.pre(a !== b);
        return encodeLevel(a) !== encodeLevel(b);
      }),
    );
  });

  it('is never read out of two names', () => {
    const level = fc.stringMatching(/^[%A-Fa-f0-9.u]{0,12}$/);
    fc.assert(
      fc.property(level, (name) => {
        const text = decodeLevel(name);
        return text === name || encodeLevel(text) === name || encodeLevel(text, true) === name;
      }),
      { numRuns: 5_000 },
    );
  });

  it('holds no character that means something to a broker', () => {
    fc.assert(fc.property(anyText, (text) => !/[.*>#+/,?&=:$\\\s\p{C}]/u.test(encodeLevel(text))));
  });

  it.each(['ActiveMQ.Advisory', 'activemq', 'VirtualTopic', 'Consumer', 'DLQ', 'ExpiryQueue', '$SYS'])(
    'does not begin a name with %s',
    (text) => {
      expect(encodeLevel(text, true).toLowerCase().startsWith(text.toLowerCase().slice(0, 3))).toBe(false);
      expect(decodeLevel(encodeLevel(text, true))).toBe(text);
    },
  );

  it.each([
    ['lobby', 'lobby'],
    ['a.b', 'a%2Eb'],
    ['a,queue://b', 'a%2Cqueue%3A%2F%2Fb'],
    ['', '%'],
    ['%', '%25'],
    ['ü😀', 'ü😀'],
  ])('is %j as %j', (text, encoded) => {
    expect(encodeLevel(text)).toBe(encoded);
  });

  it('is left alone when another program wrote it', () => {
    expect(decodeLevel('100%-sure')).toBe('100%-sure');
    expect(decodeLevel('%FF')).toBe('%FF');
    expect(decodeLevel('%61dmin')).toBe('%61dmin');
    expect(decodeLevel('lobby.x')).toBe('lobby.x');
  });
});

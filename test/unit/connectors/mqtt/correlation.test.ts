import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { correlationBytes, correlationText } from '../../../../bridge/connectors/mqtt/correlation.js';

const escaped = (bytes: Buffer | string) => `base64:${Buffer.from(bytes).toString('base64')}`;
/** Bytes of which many look like the escape, also of an escape. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some)),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  fc
    .tuple(fc.uint8Array({ maxLength: 10 }), fc.integer({ min: 1, max: 4 }))
    .map(([some, times]) =>
      Array.from({ length: times }).reduce<Buffer>((inner) => Buffer.from(escaped(inner)), Buffer.from(some)),
    ),
  fc.string().map((text) => Buffer.from(`base64:${text}`)),
);
const withoutControls = (text: string) => !/\p{Cc}/u.test(text);

describe('correlation data as text', () => {
  it('gives every byte back', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(correlationBytes(correlationText(data))).toEqual(data);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives every text back that has no control character', () => {
    const text = bytes.map(String).filter(withoutControls);
    fc.assert(
      fc.property(text, (id) => {
        expect(correlationText(correlationBytes(id))).toBe(id);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has no control characters', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(withoutControls(correlationText(data))).toBe(true);
      }),
    );
  });

  it.each([
    ['request-1', 'request-1'],
    ['ü\u{1f600}', 'ü\u{1f600}'],
    ['', ''],
    ['base64:', 'base64:'],
    ['base64:hello', 'base64:hello'],
    ['a\nb', 'base64:YQpi'],
  ])('%j is %j', (data, text) => {
    expect(correlationText(Buffer.from(data))).toBe(text);
  });

  it('escapes what is no text, and what reads like an escape', () => {
    expect(correlationText(Buffer.from([0xff]))).toBe('base64:/w==');
    expect(correlationText(Buffer.from('base64:/w=='))).toBe(escaped('base64:/w=='));
    expect(correlationBytes('base64:/w==')).toEqual(Buffer.from([0xff]));
    // "hello" needs no escape, so this is nobody's.
    expect(correlationBytes('base64:aGVsbG8=')).toEqual(Buffer.from('base64:aGVsbG8='));
  });
});

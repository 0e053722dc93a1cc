import { describe, expect, it } from 'vitest';
import {
  bytesText,
  countText,
  durationText,
  plural,
  problemParts,
  rateText,
} from '../../../web/dashboard/words.js';

describe('numbers for people', () => {
  it.each([
    [0, '0/s'],
    [0.04, '0/s'],
    [0.25, '0.3/s'],
    [9.94, '9.9/s'],
    [9.96, '10/s'],
    [1_234.4, '1,234/s'],
    [12_345, '12.3k/s'],
  ])('rate %d is %s', (rate, text) => {
    expect(rateText(rate)).toBe(text);
  });

  it.each([
    [9_999, '9,999'],
    [10_000, '10k'],
    [123_456, '123k'],
    [999_499, '999k'],
    [1_000_000, '1M'],
    [45_600_000, '45.6M'],
  ])('count %d is %s', (count, text) => {
    expect(countText(count)).toBe(text);
  });

  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1_023, '1023 bytes'],
    [1_536, '1.5 KiB'],
    [3_145_728, '3 MiB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it.each([
    [-5_000, '0 s'],
    [999, '0 s'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [93_784_000, '1 d 2 h'],
  ])('%d ms are %s', (milliseconds, text) => {
    expect(durationText(milliseconds)).toBe(text);
  });

  it('says one and many', () => {
    expect([plural(1, 'route'), plural(1_200, 'route')]).toEqual(['1 route', '1,200 routes']);
  });
});

describe('what a problem says', () => {
  const problem = { level: 'warn', event: 'x', count: 1, at: '' } as const;

  it('has where and why', () => {
    const fields = { route: 'r', from: 'mqtt "a"', code: 'limit-exceeded', reason: 'too big' };
    expect(problemParts({ ...problem, fields })).toEqual({
      where: 'route r · from mqtt "a"',
      why: 'limit-exceeded: too big',
    });
  });

  it('is the code alone for who has no token, and may be nothing', () => {
    expect(problemParts({ ...problem, fields: { route: 'r', code: 'limit-exceeded' } }).why).toBe(
      'limit-exceeded',
    );
    expect(problemParts({ ...problem, fields: {} })).toEqual({ where: '', why: '' });
  });
});

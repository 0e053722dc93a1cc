import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../bridge/observability/histogram.js';

describe('a histogram', () => {
  it('counts a value in every bucket whose bound it does not pass', () => {
    const histogram = new Histogram([1, 2, 5]);
    for (const value of [0, 1, 1.5, 2, 5, 5.1, 1000]) histogram.observe(value);
    expect(histogram.read()).toEqual({
      buckets: [
        { bound: 1, count: 2 },
        { bound: 2, count: 4 },
        { bound: 5, count: 5 },
        { bound: Number.POSITIVE_INFINITY, count: 7 },
      ],
      sum: 1014.6,
      count: 7,
    });
  });

  it('is all zeros before the first value, and what was read of it does not change any more', () => {
    const histogram = new Histogram([1]);
    const before = histogram.read();
    histogram.observe(3);
    expect(before).toEqual({
      buckets: [
        { bound: 1, count: 0 },
        { bound: Number.POSITIVE_INFINITY, count: 0 },
      ],
      sum: 0,
      count: 0,
    });
  });
});

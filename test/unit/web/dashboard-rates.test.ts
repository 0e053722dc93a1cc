import { describe, expect, it } from 'vitest';
import { overviewOf } from '../../../bridge/http/overview.js';
import type { Overview } from '../../../web/dashboard/answers.js';
import { Rates } from '../../../web/dashboard/rates.js';

const at = (clock: number, received: number, delivered = received, startedAt = 'once') => ({
  clock,
  startedAt,
  routes: [{ name: 'a', received, delivered }],
});

describe('rates', () => {
  it('are messages a second over the last few seconds', () => {
    const rates = new Rates();
    rates.note(at(0, 1_000));
    expect(rates.of('a')).toEqual({ received: 0, delivered: 0 });
    rates.note(at(1_000, 1_010, 1_005));
    expect(rates.of('a')).toEqual({ received: 10, delivered: 5 });
    for (let second = 2; second <= 20; second++) rates.note(at(second * 1_000, 1_010 + (second - 1) * 30));
    expect(rates.of('a').received).toBe(30);
    expect(rates.total).toEqual(rates.of('a'));
    expect(rates.of('another')).toEqual({ received: 0, delivered: 0 });
  });

  it('fall to nothing when nothing comes any more', () => {
    const rates = new Rates();
    rates.note(at(0, 0));
    rates.note(at(1_000, 100));
    for (let second = 2; second <= 6; second++) rates.note(at(second * 1_000, 100));
    expect(rates.of('a').received).toBe(0);
  });

  it('are never negative: a counter that falls begins anew', () => {
    const rates = new Rates();
    rates.note(at(0, 5_000));
    rates.note(at(1_000, 5_100));
    rates.note(at(2_000, 3));
    expect(rates.of('a')).toEqual({ received: 0, delivered: 0 });
    rates.note(at(3_000, 8));
    expect(rates.of('a').received).toBe(5);
  });

  it('begin anew with the bridge, whose clock may be anywhere then', () => {
    const rates = new Rates();
    rates.note(at(900_000, 10));
    rates.note(at(901_000, 20));
    rates.note(at(500, 1_000, 1_000, 'again'));
    expect(rates.of('a').received).toBe(0);
    rates.note(at(1_500, 1_002, 1_002, 'again'));
    expect(rates.of('a').received).toBe(2);
  });

  it('forget routes that are gone, and remember one minute', () => {
    const rates = new Rates();
    for (let second = 0; second < 100; second++) rates.note(at(second * 1_000, second));
    expect(rates.history).toHaveLength(60);
    rates.note({ clock: 101_000, startedAt: 'once', routes: [] });
    expect(rates.of('a')).toEqual({ received: 0, delivered: 0 });
    expect(rates.total).toEqual({ received: 0, delivered: 0 });
  });
});

it('what the bridge answers is what the page takes', () => {
  const answer: Overview = overviewOf({
    status: { ready: true, state: 'running', startedAt: 'once', connections: [], routes: [] },
    topology: { brokers: [], routes: [] },
    problems: [],
    admin: { available: false, granted: false, tail: false },
    chat: false,
    clock: 1.5,
  });
  expect(answer.clock).toBe(2);
});

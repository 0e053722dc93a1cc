import { describe, expect, it } from 'vitest';
import { HandedOver, Ledger } from '../../faults/account.js';

const ledgerOf = (count: number, inDoubt: readonly number[] = []) => {
  const ledger = new Ledger(2);
  for (let n = 0; n < count; n++) {
    ledger.attempt(n);
    if (!inDoubt.includes(n)) ledger.acknowledge(n);
  }
  return ledger;
};

describe('an account', () => {
  it('finds nothing wrong with rooms that overtake each other, and with a doubtful one that came or did not', () => {
    const clean = { lost: 0, duplicates: 0, reordered: 0, unexpected: 0 };
    expect(ledgerOf(4).judge([1, 3, 0, 2])).toMatchObject(clean);
    expect(ledgerOf(6, [2]).judge([0, 4, 2, 1, 3, 5])).toMatchObject(clean);
    expect(ledgerOf(6, [2]).judge([0, 4, 1, 3, 5])).toMatchObject(clean);
  });

  it('counts what is lost, comes twice, comes late or comes from nowhere', () => {
    expect(ledgerOf(6).judge([0, 4, 2, 4, 1, 3, 3, 3, 9, Number.NaN])).toMatchObject({
      attempted: 6,
      acknowledged: 6,
      received: 5,
      lost: 1,
      duplicates: 3,
      reordered: 1,
      unexpected: 2,
    });
  });

  it('lays an order on the broker only where it handed the messages over like that', () => {
    const handedOver = new HandedOver();
    handedOver.tap(1, Buffer.from('..{"n":0,"room"..{"n":4,"ro'));
    handedOver.tap(2, Buffer.from('..{"n":2,"room"..{"n":1,..{"n'));
    handedOver.tap(2, Buffer.from('":3,"room"'));
    expect(ledgerOf(6, [5]).judge([0, 4, 2, 3, 1], handedOver)).toMatchObject({
      reordered: 1,
      reorderedByBroker: 1,
    });
  });
});

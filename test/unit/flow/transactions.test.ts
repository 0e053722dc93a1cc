import { describe, expect, it } from 'vitest';
import type { Delivery, Sink } from '../../../bridge/connectors/connector.js';
import { BridgeError } from '../../../bridge/errors.js';
import { Transactions, type Way } from '../../../bridge/flow/transactions.js';

const delivery: Delivery = {
  message: {
    address: { kind: 'queue', name: 'q' },
    body: 'body',
    properties: new Map(),
    persistent: true,
    retained: false,
  },
  redelivered: false,
  settle: () => {},
};

/** A connection's sink; `answer` is what becomes of each transaction. */
const sinkOf = (answer: () => Promise<void> = () => Promise.resolve()): Sink => ({
  send: () => Promise.resolve(),
  transaction: () => ({ add: () => {}, commit: answer }),
});

const refuse = () =>
  Promise.reject(new BridgeError('destination-refused', 'not allowed there', { fromBroker: true }));

function opened(sink = sinkOf()) {
  let asides = 0;
  const transactions = new Transactions({ replaceConnection: () => {}, onAside: () => asides++ });
  transactions.open(sink);
  return { transactions, asides: () => asides };
}

const isShort = (way: Way) => way.begin() !== undefined;

describe('transactions of a source', () => {
  it('send all that was under way through the lanes once the broker has refused one, what stands aside with it', async () => {
    const { transactions } = opened(sinkOf(refuse));
    const aside = transactions.wayOf(delivery);
    aside.standAside();
    const bad = transactions.wayOf(delivery);
    await expect(bad.begin()?.commit()).rejects.toThrow('not allowed');
    transactions.lose();
    bad.end();
    aside.end();
    transactions.open(sinkOf());
    for (const takesShortWay of [false, false, true]) {
      const again = transactions.wayOf(delivery);
      expect(isShort(again)).toBe(takesShortWay);
      again.end();
    }
  });

  it('wait for a message on the lanes, and not for one that stands aside', async () => {
    const { transactions, asides } = opened(sinkOf(refuse));
    const first = transactions.wayOf(delivery);
    await expect(first.begin()?.commit()).rejects.toThrow('not allowed');
    first.end();
    transactions.lose();
    transactions.open(sinkOf());
    const again = transactions.wayOf(delivery);
    expect(isShort(again)).toBe(false);
    expect(transactions.isChangingBack).toBe(true);
    again.standAside();
    again.standAside();
    expect(transactions).toMatchObject({ isChangingBack: false, aside: 1 });
    expect(asides()).toBe(1);
    expect(isShort(transactions.wayOf(delivery))).toBe(true);
    again.end();
    expect(transactions).toMatchObject({ isChangingBack: false, aside: 0 });
  });

  it('give up what stands aside when its connection is gone, and send it through the lanes when it comes again', () => {
    const { transactions } = opened();
    const aside = transactions.wayOf(delivery);
    aside.standAside();
    expect(aside.gone.aborted).toBe(false);
    transactions.lose();
    expect(aside.gone.aborted).toBe(true);
    aside.end();
    transactions.open(sinkOf());
    const again = transactions.wayOf(delivery);
    expect(again.gone.aborted).toBe(false);
    expect(isShort(again)).toBe(false);
    again.end();
    expect(isShort(transactions.wayOf(delivery))).toBe(true);
  });

  it('wait again for what stood aside and gets on', () => {
    const { transactions } = opened();
    const way = transactions.wayOf(delivery);
    way.standAside();
    expect(transactions.aside).toBe(1);
    expect(isShort(way)).toBe(true);
    expect(transactions.aside).toBe(0);
    way.standAside();
    way.end();
    expect(transactions.aside).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { isOneTransaction } from '../../../bridge/config/one-transaction.js';
import type { BrokerType, Protocol } from '../../../bridge/connectors/connector.js';
import { parsePattern } from '../../../bridge/routing/pattern.js';

describe('a message is accepted and sent in one transaction', () => {
  it.each([
    ['from a queue over STOMP to the same Classic over STOMP', {}, true],
    ['from a durable topic subscription', { kind: 'topic', durable: 'news' }, true],
    [
      'not from a topic without one, whose messages nothing keeps while the connection is renewed',
      { kind: 'topic' },
      false,
    ],
    ['not over AMQP', { via: 'amqp' }, false],
    ['not to another protocol', { toVia: 'amqp' }, false],
    ['not to another broker', { toBroker: 'other' }, false],
    ['not on Artemis, which takes no acknowledgements into transactions', { type: 'artemis' }, false],
    ['not at most once', { delivery: 'at-most-once' }, false],
    ['not over a shared connection', { connection: 'shared' }, false],
  ] as const)('%s', (_, change, expected) => {
    expect(isIt(change)).toBe(expected);
  });
});

interface Change {
  readonly kind?: 'queue' | 'topic';
  readonly durable?: string;
  readonly via?: Protocol;
  readonly toVia?: Protocol;
  readonly toBroker?: string;
  readonly type?: BrokerType;
  readonly delivery?: 'at-least-once' | 'at-most-once';
  readonly connection?: string;
}

function isIt({
  kind = 'queue',
  durable,
  via = 'stomp',
  toVia = 'stomp',
  toBroker = 'mq',
  type = 'activemq',
  delivery = 'at-least-once',
  connection,
}: Change): boolean {
  const from = {
    kind,
    broker: 'mq',
    via,
    pattern: parsePattern(kind, 'in'),
    qos: 1,
    session: 'durable',
    ...(durable === undefined ? {} : { durable }),
    ...(connection === undefined ? {} : { connection }),
  } as const;
  return isOneTransaction(
    { from, delivery },
    [{ broker: toBroker, via: toVia }],
    new Map([
      ['mq', { type }],
      ['other', { type }],
    ]),
  );
}

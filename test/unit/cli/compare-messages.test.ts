import { describe, expect, it } from 'vitest';
import { type Arrival, compareMessages, type Difference } from '../../../bridge/cli/compare-messages.js';
import type { ExpectedMessage } from '../../../bridge/config/config.js';
import type { OutboundMessage } from '../../../bridge/message/message.js';

const expected = (name: string, rest: Partial<ExpectedMessage> = {}): ExpectedMessage => ({
  kind: 'queue',
  name,
  properties: new Map(),
  fields: new Map(),
  ...rest,
});

const arrival = (name: string, rest: Partial<OutboundMessage> = {}): Arrival => ({
  kind: 'queue',
  name,
  broker: 'mq',
  message: {
    to: { kind: 'queue', name },
    body: '{}',
    properties: new Map(),
    persistent: true,
    timestamp: 0,
    id: 'ID:1',
    qos: 1,
    retain: false,
    ...rest,
  },
});

const bodies = (wanted: unknown, body: string): readonly Difference[] =>
  compareMessages([expected('q', { body: wanted })], [arrival('q', { body })]).different[0]?.differences ??
  [];

describe('expected messages find those that came', () => {
  it('each its own, the one that fits it', () => {
    const result = compareMessages(
      [expected('q'), expected('q', { body: 'b' }), expected('other')],
      [arrival('q', { body: 'b' }), arrival('q', { body: 'a' }), arrival('q', { body: 'c' })],
    );
    expect(result.different).toEqual([]);
    expect(result.missing.map(({ name }) => name)).toEqual(['other']);
    expect(result.unexpected.map(({ message }) => message?.body)).toEqual(['c']);
  });

  it('or else the one with the fewest differences', () => {
    const { different } = compareMessages(
      [expected('q', { body: 'x', fields: new Map([['priority', 5]]) })],
      [arrival('q', { body: 'a', priority: 4 }), arrival('q', { body: 'x', priority: 4 })],
    );
    expect(different[0]?.differences).toEqual([{ where: 'priority', expected: '5', got: '4' }]);
  });

  it('on the broker that is said', () => {
    const { missing } = compareMessages([expected('q', { broker: 'other' })], [arrival('q')]);
    expect(missing).toHaveLength(1);
  });

  it('and a dead letter has nothing to compare but its place', () => {
    const dead: Arrival = { kind: 'queue', name: 'dead', broker: 'mq', reason: 'no room' };
    expect(compareMessages([expected('dead')], [dead]).different).toEqual([]);
    expect(compareMessages([expected('dead', { body: 'x' })], [dead]).different[0]?.differences).toEqual([
      { where: 'it is a dead letter', got: 'no room' },
    ]);
  });
});

describe('differences of a body', () => {
  it.each([
    ['text', 'hi', 'ho', [{ where: 'body', expected: '"hi"', got: '"ho"' }]],
    [
      'JSON that is none',
      { a: 1 },
      'hi',
      [{ where: 'body', expected: '{"a":1}', got: 'text that is no JSON: "hi"' }],
    ],
    [
      'JSON, each by its path',
      { a: 1, list: [1, { n: 2 }], gone: true, 'a b': 'x' },
      '{"a":2,"list":[1,{"n":3},4],"more":null,"a b":"y"}',
      [
        { where: 'body.a', expected: '1', got: '2' },
        { where: 'body.list[1].n', expected: '2', got: '3' },
        { where: 'body.list[2]', got: '4' },
        { where: 'body.gone', expected: 'true' },
        { where: 'body["a b"]', expected: '"x"', got: '"y"' },
        { where: 'body.more', got: 'null' },
      ],
    ],
    ['kinds', { a: [1] }, '{"a":{"0":1}}', [{ where: 'body.a', expected: '[1]', got: '{"0":1}' }]],
  ])('of %s', (_what, wanted, body, differences) => {
    expect(bodies(wanted, body)).toEqual(differences);
  });

  it('of long text begins where it differs', () => {
    const [difference] = bodies(`${'a'.repeat(500)}b`, `${'a'.repeat(500)}c${'d'.repeat(500)}`);
    expect(difference).toEqual({
      where: 'body, character 501',
      expected: `…"${'a'.repeat(20)}b"`,
      got: expect.stringMatching(/^…"a{20}cd+… \(523 characters\)$/),
    });
  });

  it('is never looked up through a prototype', () => {
    expect(bodies({ constructor: 1 }, '{}')).toEqual([{ where: 'body.constructor', expected: '1' }]);
  });
});

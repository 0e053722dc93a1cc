import { describe, expect, it } from 'vitest';
import type { ToConfig } from '../../../bridge/config/config.js';
import { mapMessage, orderKey, passes, scopeOf } from '../../../bridge/flow/mapping.js';
import type { Message, OutboundMessage, PropertyValue } from '../../../bridge/message/message.js';
import { parseExpression } from '../../../bridge/routing/expression.js';
import { parseTemplate } from '../../../bridge/routing/template.js';
import { destination, ruleFrom } from '../../support/rules.js';

const ARRIVAL = { id: 'ID:bridge-1', now: 1_000, redelivered: false };

function chat(body: Message['body'], over: Partial<Message> = {}): Message {
  return {
    address: { kind: 'mqtt', name: 'chat/lobby/messages' },
    body,
    properties: new Map(),
    persistent: true,
    qos: 1,
    retained: false,
    ...over,
  };
}

const rule = (over: Partial<ToConfig> = {}) => destination('queue', 'out', over);

function map(
  message: Message,
  over: Partial<ToConfig> = {},
  captures = new Map<string, string>(),
): OutboundMessage {
  return mapMessage(rule(over), message, scopeOf(message, captures, ARRIVAL), ARRIVAL);
}

describe('a mapped body', () => {
  it.each([
    ['UTF-8 bytes as text', Buffer.from('grüß'), undefined, 'grüß'],
    ['other bytes as bytes', Buffer.from([0xff, 0]), undefined, Buffer.from([0xff, 0])],
    ['bytes with a NUL as bytes', Buffer.from('a\0b'), undefined, Buffer.from('a\0b')],
    ['text as text', 'hi', undefined, 'hi'],
    ['text as bytes, if the rule says so', 'grüß', 'bytes', Buffer.from('grüß')],
    ['text with a NUL as text, if the rule says so', Buffer.from('a\0b'), 'text', 'a\0b'],
  ] as const)('is %s', (_, body, as, expected) => {
    expect(map(chat(body), as === undefined ? {} : { as }).body).toEqual(expected);
  });

  it('is refused when it is not the text that the rule says it is', () => {
    expect(() => map(chat(Buffer.from([0xff])), { as: 'text' })).toThrow(
      expect.objectContaining({ code: 'unsupported-body' }),
    );
  });

  it('is refused when nobody can carry it', () => {
    const body = { unsupported: 'an AMQP map (MapMessage)', bytes: Buffer.from('x') };
    expect(() => map(chat(body))).toThrow(
      expect.objectContaining({ code: 'unsupported-body', message: expect.stringContaining('MapMessage') }),
    );
  });

  it('is what its template says, or refused without a value', () => {
    const message = chat(Buffer.from('{"text":"hi","n":7}'));
    expect(map(message, { body: parseTemplate('<{body.text}>') }).body).toBe('<hi>');
    expect(map(message, { body: parseTemplate('{body.n}') }).body).toBe('7');
    expect(() => map(message, { body: parseTemplate('{body.missing}') })).toThrow(
      expect.objectContaining({ code: 'mapping-failed' }),
    );
  });
});

describe('mapped properties and headers', () => {
  const message = chat(Buffer.from('{"from":"ann","n":7,"r":0.5,"ok":true,"list":[1]}'), {
    correlationId: 'c-1',
    timestamp: 5,
  });

  it('keep the type of a value that is alone in its template; without a value they are left out', () => {
    const properties = new Map(
      Object.entries({
        s: '{body.from}',
        n: '{body.n}',
        r: '{body.r}',
        ok: '{body.ok}',
        text: 'n={body.n}',
        list: '{body.list}',
        none: '{body.none}',
      }).map(([name, text]) => [name, parseTemplate(text)]),
    );
    expect(Object.fromEntries(map(message, { properties }).properties)).toEqual({
      s: 'ann',
      n: 7,
      r: 0.5,
      ok: true,
      text: 'n=7',
      list: '[1]',
      bridge_hops: 1,
    });
  });

  it('come from the rule, else from the message where it has them', () => {
    expect(map(message)).toMatchObject({
      correlationId: 'c-1',
      timestamp: 5,
      id: ARRIVAL.id,
      persistent: true,
    });
    expect(map(chat('x'))).toMatchObject({ timestamp: ARRIVAL.now });
    const all = map(
      message,
      {
        type: parseTemplate('greeting'),
        correlationId: parseTemplate('{body.from}-1'),
        group: parseTemplate('{room}'),
        priority: 7,
        ttl: 60,
        persistent: false,
        qos: 2,
        retain: true,
      },
      new Map([['room', 'a.b']]),
    );
    expect(all).toMatchObject({
      type: 'greeting',
      correlationId: 'ann-1',
      group: 'a.b',
      priority: 7,
      ttl: 60,
      persistent: false,
      qos: 2,
      retain: true,
    });
  });

  it('never come from the properties of the message by themselves', () => {
    const loud = chat('x', {
      properties: new Map([
        ['room', 'lobby'],
        ['_AMQ_DUPL_ID', '1'],
      ]),
    });
    expect([...map(loud).properties.keys()]).toEqual(['bridge_hops']);
  });
});

describe('the count of hops', () => {
  const hops = (bridge_hops: PropertyValue, over: Partial<ToConfig> = {}) =>
    map(chat('x', { properties: new Map([['bridge_hops', bridge_hops]]) }), over).properties.get(
      'bridge_hops',
    );

  it('is one more than that of the message, whether the rule copies properties or not', () => {
    for (const copyProperties of [false, true])
      for (const given of [3, '3', 3n]) expect(hops(given, { copyProperties })).toBe(4);
    expect(map(chat('x')).properties.get('bridge_hops')).toBe(1);
  });

  it('begins anew with what no bridge has counted', () => {
    for (const given of ['', 'x', '-1', '1.5', ' 3', 1.5, -1, 1_001, '9999999', true, Number.NaN])
      expect(hops(given)).toBe(1);
    expect(hops(1_000)).toBe(1_001);
  });
});

describe('a mapped destination name', () => {
  it('keeps what a hole puts in within one level', () => {
    const captures = new Map([['room', 'a.b,queue://ORDERS']]);
    expect(map(chat('x'), { name: parseTemplate('rooms.{room}') }, captures).to).toEqual({
      kind: 'queue',
      name: 'rooms.a%2Eb%2Cqueue%3A%2F%2FORDERS',
    });
  });

  it('without a value is refused', () => {
    expect(() => map(chat('x'), { name: parseTemplate('to.{properties.room}') })).toThrow(
      expect.objectContaining({ code: 'mapping-failed' }),
    );
  });
});

describe('where', () => {
  const passesFor = (where: string, message: Message) =>
    passes({ where: parseExpression(where) }, scopeOf(message, new Map([['room', 'lobby']]), ARRIVAL));

  it('takes the messages for which it is true', () => {
    const message = chat(Buffer.from('{"type":"text","n":3}'), { properties: new Map([['kind', 'a']]) });
    expect(passes({}, scopeOf(message, new Map(), ARRIVAL))).toBe(true);
    expect(passesFor('body.type == "text" && room == "lobby"', message)).toBe(true);
    expect(passesFor('body.n > 3 || properties.kind == "b"', message)).toBe(false);
    expect(passesFor('message.qos == 1 && !message.retained && topic.startsWith("chat/")', message)).toBe(
      true,
    );
  });

  it.each([
    ['body.type == "text"', 'no JSON'],
    ['body.type == "text"', '{}'],
    ['body.n + "x" == "3x"', '{"n":3}'],
    ['body.n', '{"n":3}'],
  ])('%s cannot judge %s', (where, body) => {
    expect(() => passesFor(where, chat(Buffer.from(body)))).toThrow(
      expect.objectContaining({ code: 'mapping-failed' }),
    );
  });

  it('looks into no body that is nested deeper than people nest, so that no sender fills the memory', () => {
    const nested = (levels: number) => Buffer.from(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
    expect(passesFor('has(body.a)', chat(nested(8)))).toBe(true);
    expect(() => passesFor('has(body.a)', chat(nested(9)))).toThrow(
      expect.objectContaining({ code: 'mapping-failed', message: expect.stringContaining('nested deeper') }),
    );
    expect(passesFor('room == "lobby"', chat(nested(5_000)))).toBe(true);
  });

  it('can ask whether a field is there', () => {
    expect(passesFor('has(body.type) && body.type == "text"', chat(Buffer.from('{}')))).toBe(false);
  });
});

describe('an order key', () => {
  const route = ruleFrom('chat/{room}/messages');

  it('is the source address, or what the rule says, or again the address where that has no value', () => {
    const message = chat(Buffer.from('{"thread":"t1"}'));
    const scope = scopeOf(message, new Map(), ARRIVAL);
    expect(orderKey(route, message, scope)).toBe('chat/lobby/messages');
    expect(orderKey({ ...route, orderBy: parseTemplate('{body.thread}') }, message, scope)).toBe('t1');
    expect(orderKey({ ...route, orderBy: parseTemplate('{body.none}') }, message, scope)).toBe(
      'chat/lobby/messages',
    );
  });
});

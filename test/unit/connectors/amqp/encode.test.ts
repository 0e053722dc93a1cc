import rhea from 'rhea';
import { describe, expect, it } from 'vitest';
import { encodeMessage, toAmqp } from '../../../../bridge/connectors/amqp/encode.js';
import { flavourOf } from '../../../../bridge/connectors/flavours/flavour.js';
import { BridgeError } from '../../../../bridge/errors.js';
import type { OutboundMessage } from '../../../../bridge/message/message.js';

const flavour = (type: 'activemq' | 'artemis') => {
  const { amqp } = flavourOf(type);
  if (amqp === undefined) throw new Error(`${type} has no AMQP section`);
  return amqp;
};
const activemq = flavour('activemq');
const artemis = flavour('artemis');

const outbound = (over: Partial<OutboundMessage> = {}): OutboundMessage => ({
  to: { kind: 'queue', name: 'orders' },
  body: 'hello',
  properties: new Map(),
  persistent: true,
  timestamp: 1_700_000_000_123,
  id: 'ID:1',
  qos: 1,
  retain: false,
  ...over,
});

const roundTrip = (over: Partial<OutboundMessage>) =>
  rhea.message.decode(encodeMessage(outbound(over), artemis));

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return error instanceof BridgeError ? error.code : `not a BridgeError: ${String(error)}`;
  }
  return undefined;
}

describe('an outbound message in AMQP', () => {
  it('goes to a prefixed name on Classic and to the plain name on Artemis, with its kind as an annotation', () => {
    const topic = { to: { kind: 'topic', name: 'rooms.lobby' } } as const;
    expect(toAmqp(outbound(), activemq).to).toBe('queue://orders');
    expect(toAmqp(outbound(topic), activemq).to).toBe('topic://rooms.lobby');
    expect(toAmqp(outbound(topic), artemis).to).toBe('rooms.lobby');
    expect(roundTrip({}).message_annotations).toEqual({ 'x-opt-jms-dest': 0 });
    expect(roundTrip(topic).message_annotations).toEqual({ 'x-opt-jms-dest': 1 });
  });

  it('carries every JMS header that the rule decided', () => {
    const received = roundTrip({
      correlationId: 'c-1',
      replyTo: { kind: 'topic', name: 'answers' },
      type: 'greeting',
      group: 'lobby',
      priority: 7,
      ttl: 5_000,
    });
    expect(received).toMatchObject({
      durable: true,
      message_id: 'ID:1',
      correlation_id: 'c-1',
      reply_to: 'answers',
      subject: 'greeting',
      group_id: 'lobby',
      priority: 7,
      ttl: 5_000,
      message_annotations: { 'x-opt-jms-dest': 0, 'x-opt-jms-reply-to': 1 },
    });
    expect(new Date(received.creation_time).getTime()).toBe(1_700_000_000_123);
  });

  it('says when a message that lives longer than a uint of milliseconds expires', () => {
    const before = Date.now();
    const received = roundTrip({ ttl: 2 ** 33 });
    expect(received.ttl).toBeUndefined();
    const expiry = new Date(received.absolute_expiry_time).getTime();
    expect(expiry).toBeGreaterThanOrEqual(before + 2 ** 33);
    expect(expiry).toBeLessThanOrEqual(Date.now() + 2 ** 33);
  });

  it('leaves out an MQTT reply address, which no JMS client could use', () => {
    expect(roundTrip({ replyTo: { kind: 'mqtt', name: 'a/b' } }).reply_to).toBeUndefined();
  });

  it('is an amqp-value for text, empty text included, and a data section for bytes', () => {
    expect(roundTrip({ body: 'größe 😀' }).body).toBe('größe 😀');
    expect(roundTrip({ body: '' }).body).toBe('');
    const bytes = Buffer.from([0, 255, 10, 0]);
    expect(roundTrip({ body: bytes }).body).toMatchObject({ typecode: 0x75, content: bytes });
    expect(roundTrip({ body: Buffer.alloc(0) }).body).toMatchObject({
      typecode: 0x75,
      content: Buffer.alloc(0),
    });
  });

  it.each([
    ['text', 'x', 'Str8'],
    ['true', true, 'True'],
    ['a small int', 5, 'SmallInt'],
    ['zero', 0, 'SmallInt'],
    ['the largest int', 2_147_483_647, 'Int'],
    ['one more than the largest int', 2_147_483_648, 'Long'],
    ['the smallest int', -2_147_483_648, 'Int'],
    ['a negative long', -5_000_000_000, 'Long'],
    ['a bigint', 5n, 'SmallLong'],
    ['a large bigint', 2n ** 63n - 1n, 'Long'],
    ['a fraction', 1.5, 'Double'],
    ['a whole number beyond 2^53', 1e300, 'Double'],
    ['negative zero', -0, 'Double'],
    ['not a number', Number.NaN, 'Double'],
  ])('types a property that is %s', (_what, value, type) => {
    const typed = toAmqp(outbound({ properties: new Map([['p', value]]) }), artemis).application_properties
      ?.p;
    expect(rhea.types.wrap(typed).type.name).toBe(type);
  });

  it('keeps negative longs', () => {
    const properties = new Map([['p', -5_000_000_000]]);
    expect(roundTrip({ properties }).application_properties.p).toBe(-5_000_000_000);
  });

  it('sends a property of any name without touching a prototype', () => {
    const names = ['constructor', 'hasOwnProperty', 'toString', 'größe', 'a\r\nb:\0'];
    const encoded = encodeMessage(
      outbound({ properties: new Map(names.map((name) => [name, 'v'])) }),
      artemis,
    );
    for (const name of names) expect(encoded.includes(Buffer.from(name))).toBe(true);
    expect(Object.hasOwn(Object.prototype, 'v')).toBe(false);
  });

  it('leaves out a property without a name and one that steers a broker: Classic answers neither', () => {
    const names = ['', '__proto__', 'JMSExpiration', '_AMQ_DUPL_ID', 'ActiveMQ.MQTT.QoS', 'kept'];
    const properties = new Map(names.map((name) => [name, 'v']));
    expect(roundTrip({ properties }).application_properties).toEqual({ kept: 'v' });
    expect(roundTrip({ properties: new Map([['', 'v']]) }).application_properties).toBeUndefined();
  });

  it('refuses a property name that UTF-8 has no bytes for: two of them could become one', () => {
    const properties = new Map([['a\ud800', 'v']]);
    expect(codeOf(() => encodeMessage(outbound({ properties }), artemis))).toBe('message-refused');
  });

  it('refuses a name of more than 1,000 bytes, and does not repeat all of it', () => {
    const to = { kind: 'queue', name: 'é'.repeat(501) } as const;
    for (const broker of [activemq, artemis])
      expect(() => toAmqp(outbound({ to }), broker)).toThrow(
        expect.objectContaining({
          code: 'destination-refused',
          message: expect.stringMatching(/^queue "é{200}"… .* is a name of 1002 bytes; the longest is 1000$/),
        }),
      );
    expect(() => toAmqp(outbound({ to: { kind: 'queue', name: 'é'.repeat(500) } }), activemq)).not.toThrow();
  });

  it.each(['a,b', 'a?consumer.exclusive=true', 'a.>', '*', '', 'a\nb'])(
    'refuses %j as a Classic name: the broker would not take it as one',
    (name) => {
      expect(codeOf(() => toAmqp(outbound({ to: { kind: 'queue', name } }), activemq))).toBe(
        'destination-refused',
      );
    },
  );

  it('refuses on Artemis what names one queue of an address, and takes the rest', () => {
    const to = (name: string) => () => toAmqp(outbound({ to: { kind: 'queue', name } }), artemis).to;
    expect(codeOf(to('a::b'))).toBe('destination-refused');
    expect(codeOf(to(''))).toBe('destination-refused');
    expect(to('a,b?c')()).toBe('a,b?c');
  });

  it('refuses an MQTT address', () => {
    expect(codeOf(() => toAmqp(outbound({ to: { kind: 'mqtt', name: 'a/b' } }), activemq))).toBe(
      'destination-refused',
    );
  });

  it('refuses a number that no JMS type holds', () => {
    const properties = new Map([['p', 2n ** 64n]]);
    expect(codeOf(() => encodeMessage(outbound({ properties }), artemis))).toBe('message-refused');
  });
});

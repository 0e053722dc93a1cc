import rhea, { type Message as AmqpMessage } from 'rhea';
import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  isRedelivered,
  type JmsSourceSpec,
} from '../../../../bridge/connectors/amqp/decode.js';
import { flavourOf } from '../../../../bridge/connectors/flavours/flavour.js';

const flavour = (type: 'activemq' | 'artemis') => {
  const { amqp } = flavourOf(type);
  if (amqp === undefined) throw new Error(`${type} has no AMQP section`);
  return amqp;
};

const queue: JmsSourceSpec = {
  kind: 'queue',
  window: 1_000,
  pattern: { kind: 'queue', levels: [{ literal: 'orders' }] },
};
const rooms: JmsSourceSpec = {
  kind: 'topic',
  window: 1_000,
  pattern: { kind: 'topic', levels: [{ literal: 'rooms' }, 'one'] },
};

/** rhea types what it decodes as another interface than what it hands to its listeners. */
function received(message: AmqpMessage): AmqpMessage {
  const decoded = rhea.message.decode(rhea.message.encode(message));
  return { ...decoded, body: decoded.body };
}

/** As it comes from the wire: encoded and decoded by rhea. */
const decode = (message: AmqpMessage, spec = queue, type: 'activemq' | 'artemis' = 'artemis') =>
  decodeMessage(received(message), spec, flavour(type));

describe('the time to live of a received AMQP message', () => {
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000);
  it.each([
    ['none', {}, undefined],
    ['ttl alone', { ttl: 5_000 }, 5],
    ['an absolute time alone', { absolute_expiry_time: inSeconds(5) }, 5],
    ['both, counted down', { ttl: 5_000, absolute_expiry_time: inSeconds(60) }, 5],
    ['both, ttl as its sender wrote it', { ttl: 60_000, absolute_expiry_time: inSeconds(5) }, 5],
    ['an absolute time that is over by this clock', { ttl: 5_000, absolute_expiry_time: inSeconds(-60) }, 5],
    ['nothing but such a time', { absolute_expiry_time: inSeconds(-60) }, undefined],
    ['zeros, which mean none', { ttl: 0, absolute_expiry_time: new Date(0) }, undefined],
  ])('with %s', (_what, fields, seconds) => {
    const { ttl } = decode({ body: '', ...fields });
    expect(ttl === undefined ? undefined : Math.round(ttl / 1_000)).toBe(seconds);
  });
});

describe('a received AMQP message', () => {
  it.each([
    ['an amqp-value string', 'text', 'text'],
    ['an empty string', '', ''],
    ['null', null, ''],
    ['an amqp-value binary', Buffer.from('b'), Buffer.from('b')],
    ['a data section', rhea.message.data_section(Buffer.from([0, 1])), Buffer.from([0, 1])],
    [
      'several data sections',
      rhea.message.data_sections([Buffer.from('a'), Buffer.from('b')]),
      Buffer.from('ab'),
    ],
  ])('has the body of %s', (_what, body, expected) => {
    expect(decode({ body }).body).toEqual(expected);
  });

  it.each([
    ['map', { a: 'x' }, 'MapMessage'],
    ['list', ['x'], 'StreamMessage'],
    ['sequence', rhea.message.sequence_section(['x']), 'StreamMessage'],
    ['number', 7, 'number'],
    ['map that looks like a data section', { typecode: 0x75, content: 'x' }, 'MapMessage'],
  ])('does not carry a %s, and says so', (_what, body, named) => {
    const decoded = decode({ body }).body;
    expect(decoded).toMatchObject({ unsupported: expect.stringContaining(named), bytes: expect.any(Buffer) });
  });

  it('never opens a serialised Java object, and keeps its bytes', () => {
    const bytes = Buffer.from('aced0005', 'hex');
    const body = rhea.message.data_section(bytes);
    expect(decode({ body, content_type: 'application/x-java-serialized-object' }).body).toEqual({
      unsupported: expect.stringContaining('ObjectMessage'),
      bytes,
    });
  });

  it('keeps application properties with their types and leaves out what steers a broker', () => {
    const long = Buffer.alloc(8);
    long.writeBigInt64BE(-(2n ** 60n));
    const { properties } = decode({
      body: '',
      application_properties: {
        room: 'lobby',
        length: rhea.types.wrap_int(5),
        big: rhea.types.wrap_long(long),
        ratio: 0.5,
        ok: false,
        missing: null,
        constructor: 'c',
        hasOwnProperty: 'h',
        _AMQ_SCHED_DELIVERY: 1,
        __HDR_BROKER_IN_TIME: 1,
        AMQ_SCHEDULED_DELAY: 1,
        'ActiveMQ.MQTT.QoS': 7,
        JMSXDeliveryCount: 1,
        JMS_AMQP_NATIVE: true,
        'mqtt.qos.level': 1,
        NATIVE_MESSAGE_ID: 'x',
        transformation: 'jms-map-json',
        transformations: 'kept',
      },
    });
    expect(Object.fromEntries(properties)).toEqual({
      room: 'lobby',
      length: 5,
      big: -(2n ** 60n),
      ratio: 0.5,
      ok: false,
      constructor: 'c',
      hasOwnProperty: 'h',
      transformations: 'kept',
    });
  });

  it('survives a property named __proto__ without a change to any prototype', () => {
    const hostile = Object.fromEntries([['room', 'lobby']]);
    Object.defineProperty(hostile, '__proto__', { value: { polluted: true }, enumerable: true });
    const { properties } = decode({ body: '', application_properties: hostile });
    expect(properties.get('room')).toBe('lobby');
    expect(properties.has('polluted')).toBe(false);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('carries the JMS headers', () => {
    const decoded = decode({
      body: '',
      durable: true,
      priority: 7,
      message_id: 'ID:1',
      correlation_id: 'c',
      creation_time: new Date(1_700_000_000_123),
      subject: 'greeting',
      group_id: 'lobby',
      reply_to: 'answers',
      message_annotations: { 'x-opt-jms-reply-to': rhea.types.wrap_byte(1) },
    });
    expect(decoded).toMatchObject({
      persistent: true,
      priority: 7,
      id: 'ID:1',
      correlationId: 'c',
      timestamp: 1_700_000_000_123,
      type: 'greeting',
      group: 'lobby',
      replyTo: { kind: 'topic', name: 'answers' },
    });
  });

  it('takes ids of every AMQP type as text', () => {
    expect(decode({ body: '', correlation_id: 77 }).correlationId).toBe('77');
    expect(decode({ body: '', correlation_id: Buffer.alloc(16) }).correlationId).toBe(
      '00000000-0000-0000-0000-000000000000',
    );
  });

  it('takes the kind of a reply address from the prefix, else from the subscription', () => {
    const replyTo = (reply_to: string) => decode({ body: '', reply_to }, rooms, 'activemq').replyTo;
    expect(replyTo('queue://answers')).toEqual({ kind: 'queue', name: 'answers' });
    expect(replyTo('temp-topic://answers')).toEqual({ kind: 'topic', name: 'answers', temporary: true });
    expect(replyTo('answers')).toEqual({ kind: 'topic', name: 'answers' });
  });

  it('is at the concrete name that a wildcard subscription took it from', () => {
    expect(decode({ body: '', to: 'topic://rooms.lobby' }, rooms, 'activemq').address).toEqual({
      kind: 'topic',
      name: 'rooms.lobby',
    });
    expect(decode({ body: '', to: 'rooms.lobby' }, rooms).address.name).toBe('rooms.lobby');
  });

  it('does not believe a `to` that the subscription does not take: senders can write anything there', () => {
    expect(decode({ body: '', to: 'secrets' }).address.name).toBe('orders');
    expect(decode({ body: '', to: 'secrets.lobby' }, rooms).address.name).toBe('rooms.*');
  });

  it('is redelivered when the broker counted a failed delivery', () => {
    expect(isRedelivered({ body: '', delivery_count: 1 })).toBe(true);
    expect(isRedelivered({ body: '', delivery_count: 0 })).toBe(false);
    expect(isRedelivered({ body: '' })).toBe(false);
  });

  it('keeps the bytes of a message in a format of its own', () => {
    expect(decodeMessage(Buffer.from('x'), queue, flavour('artemis')).body).toEqual({
      unsupported: expect.any(String),
      bytes: Buffer.from('x'),
    });
  });
});

import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { artemis } from '../../../../bridge/connectors/flavours/artemis.js';
import { mqttBroker } from '../../../../bridge/connectors/flavours/mqtt.js';
import {
  type PublishProperties,
  propertiesBytes,
  readProperties,
  writeProperties,
} from '../../../../bridge/connectors/mqtt/publish-properties.js';
import type { OutboundMessage, PropertyValue } from '../../../../bridge/message/message.js';

const message = (more: Partial<OutboundMessage> = {}): OutboundMessage => ({
  to: { kind: 'mqtt', name: 'a/b' },
  body: 'x',
  properties: new Map(),
  persistent: true,
  timestamp: 0,
  id: 'ID:1',
  qos: 1,
  retain: false,
  ...more,
});
const withProperty = (name: string, value: PropertyValue) =>
  message({ properties: new Map([[name, value]]) });

describe('reading', () => {
  it('takes what a parser may make of a broken packet', () => {
    const broken = {
      userProperties: Object.assign(Object.create(null), { none: null, list: [null], deep: ['a', null] }),
      responseTopic: ['a', 'b'],
      correlationData: [Buffer.from('a'), Buffer.from('b')],
      messageExpiryInterval: [1, 2],
    } as unknown as PublishProperties;
    expect(readProperties(broken)).toEqual({ properties: new Map() });
  });

  it.each(['JMSReplyTo', '_AMQ_DUPL_ID', 'ActiveMQ.MQTT.QoS', '__proto__', 'mqtt.qos.level'])(
    'drops %s, which steers a broker',
    (name) => {
      const userProperties = Object.create(null) as Record<string, string>;
      userProperties[name] = 'x';
      expect(readProperties({ userProperties }).properties.size).toBe(0);
    },
  );

  it('says what is left of the time to live in milliseconds', () => {
    expect(readProperties({ messageExpiryInterval: 7 }).ttl).toBe(7_000);
    expect(readProperties({ messageExpiryInterval: 0 }).ttl).toBe(0);
  });
});

describe('writing', () => {
  it('says nothing where there is nothing to say', () => {
    expect(writeProperties(message(), artemis.mqtt)).toBeUndefined();
    expect(writeProperties(message({ replyTo: { kind: 'topic', name: 'x' } }), artemis.mqtt)).toBeUndefined();
  });

  it.each([
    [1, 1],
    [1_000, 1],
    [1_001, 2],
    [Number.MAX_SAFE_INTEGER, 0xffff_ffff],
  ])('%i ms are %i s', (ttl, seconds) => {
    expect(writeProperties(message({ ttl }), artemis.mqtt)).toEqual({ messageExpiryInterval: seconds });
  });

  it.each(['a\nb', 'a\u0085b', 'a\uffffb', 'a\u{1fffe}b', 'a\ufdd0b'])(
    'refuses %j where a broker may',
    (text) => {
      expect(() => writeProperties(withProperty('p', text), mqttBroker.mqtt)).toThrow(
        expect.objectContaining({ code: 'message-refused', message: expect.stringContaining('"p"') }),
      );
      expect(() => writeProperties(withProperty(text, 'v'), mqttBroker.mqtt)).toThrow(
        /the name of a property/,
      );
      const replyTo = { kind: 'mqtt', name: text } as const;
      expect(() => writeProperties(message({ replyTo }), mqttBroker.mqtt)).toThrow(/reply topic/);
      expect(writeProperties(withProperty('p', text), artemis.mqtt)?.userProperties?.p).toBe(text);
    },
  );

  it('refuses a NUL everywhere', () => {
    expect(() => writeProperties(withProperty('p', 'a\0b'), artemis.mqtt)).toThrow(/"\\u0000"/);
  });

  it('keeps a property that is named like a part of every object', () => {
    const written = writeProperties(withProperty('__proto__', 'x'), artemis.mqtt);
    expect(Object.entries(written?.userProperties ?? {})).toEqual([['__proto__', 'x']]);
  });

  it('counts the bytes that the packet has', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 300 });
    const outbound = fc.record(
      {
        properties: fc.array(fc.tuple(text, text), { maxLength: 200 }).map((entries) => new Map(entries)),
        correlationId: text,
        replyTo: fc.constantFrom({ kind: 'mqtt', name: 'reply/ü' } as const),
        ttl: fc.integer({ min: 1, max: 10 ** 9 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(outbound, (more) => {
        const properties = writeProperties(message(more), artemis.mqtt);
        const packet = {
          cmd: 'publish',
          topic: 'a',
          payload: '',
          qos: 1,
          messageId: 1,
          dup: false,
          retain: false,
        };
        const written = properties === undefined ? {} : { properties };
        const generate = (one: object) =>
          mqttPacket.generate({ ...packet, ...one } as mqttPacket.IPublishPacket, { protocolVersion: 5 });
        const bytes = generate(written);
        const remaining = 3 + 2 + propertiesBytes(properties);
        const header = 1 + (remaining < 128 ? 1 : remaining < 16_384 ? 2 : 3);
        expect(bytes.length).toBe(header + remaining);
      }),
    );
  });
});

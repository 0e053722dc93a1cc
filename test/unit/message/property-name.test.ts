import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodePropertyName,
  encodePropertyName,
  isPropertyName,
} from '../../../bridge/message/property-name.js';
import { isSteeringProperty } from '../../../bridge/message/steering.js';

/** Text that is made of what the rule itself is made of, beside any UTF-16 units at all. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc
    .array(
      fc.constantFrom('_', 'x', '_x', 'DOT', 'HYPHEN', '_DOT_', '_x005F_', '005F', '.', '-', 'é', '1', '😀'),
    )
    .map((pieces) => pieces.join('')),
  fc
    .tuple(
      fc.constantFrom('JMS', '__', '_AMQ', 'AMQ_SCHEDULED', 'ActiveMQ', 'mqtt', 'x-opt', '_', 'Null', 'in'),
      fc.constantFrom('', '.', '-', '_', 'x'),
    )
    .map((pieces) => pieces.join('')),
);

describe('the name of a property on its way to JMS', () => {
  it('comes back as it was, whatever it is', () => {
    fc.assert(
      fc.property(anyText, (text) => decodePropertyName(encodePropertyName(text)) === text),
      { numRuns: 5_000 },
    );
  });

  it('is never the name of another text', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        fc.pre(a !== b);
        return encodePropertyName(a) !== encodePropertyName(b);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is a Java identifier and no word of the selector language', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(!isSteeringProperty(text));
        const name = encodePropertyName(text);
        expect(name).toMatch(/^[\p{L}\p{Nl}_$][\p{L}\p{Nl}\p{Nd}\p{Mn}\p{Mc}_$]*$/u);
        expect([...name]).toHaveLength(name.length);
        expect(isPropertyName(name)).toBe(true);
        expect(name).not.toMatch(/^(?:null|true|false|not|and|or|between|like|in|is|escape)$/i);
      }),
    );
  });

  it('steers a broker exactly when the text does, and then is the same', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(isSteeringProperty(encodePropertyName(text))).toBe(isSteeringProperty(text));
        expect(isSteeringProperty(decodePropertyName(text))).toBe(isSteeringProperty(text));
        if (isSteeringProperty(text)) expect(encodePropertyName(text)).toBe(text);
      }),
    );
  });

  it('is its own when it is a legal one that reads like no escape', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z$é][a-wyz0-9$ü]{0,12}$/), (name) => {
        fc.pre(!isSteeringProperty(name) && !/^(?:not|and|or|in|is)$/i.test(name));
        expect(encodePropertyName(name)).toBe(name);
        expect(decodePropertyName(name)).toBe(name);
      }),
    );
  });

  it.each([
    ['room', 'room'],
    ['größe', 'größe'],
    ['content-type', 'content_HYPHEN_type'],
    ['a.b', 'a_DOT_b'],
    ['a b', 'a_x0020_b'],
    ['1x', '_x0031_x'],
    ['x1', 'x1'],
    ['', '_x_'],
    ['_x_', '_x005F_x_'],
    ['😀', '_xD83D__xDE00_'],
    ['\ud800', '_xD800_'],
    ['a\r\n:\0', 'a_x000D__x000A__x003A__x0000_'],
    ['_DOT_', '_x005F_DOT_'],
    ['_DOT.', '_x005F_DOT_DOT_'],
    ['Null', '_x004E_ull'],
    ['_.', '_x005F__DOT_'],
    ['JMSType', 'JMSType'],
    ['ActiveMQ.MQTT.QoS', 'ActiveMQ.MQTT.QoS'],
  ])('is %j as %j', (text, name) => {
    expect(encodePropertyName(text)).toBe(name);
    expect(decodePropertyName(name)).toBe(text);
  });

  it.each([
    'a_x_b',
    '_xZZZZ_',
    '_x0041_',
    'a_x005F_b',
    'ActiveMQ_DOT_MQTT_DOT_QoS',
    '_x004A_MSType',
    'a.b',
    '',
  ])('is left alone when another program wrote it: %j', (name) => {
    expect(decodePropertyName(name)).toBe(name);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BridgeError } from '../../../bridge/errors.js';
import { deadLetterOf, readDeadLetter } from '../../../bridge/flow/dead-letter.js';
import type { Message, PropertyValue } from '../../../bridge/message/message.js';
import { encodePropertyName } from '../../../bridge/message/property-name.js';
import { chat } from '../../support/memory-flow.js';

const letterOf = (properties: Readonly<Record<string, PropertyValue>>, name = 'in', text = 'no') =>
  deadLetterOf(
    {
      address: { kind: 'queue', name },
      body: 'x',
      properties: new Map(Object.entries(properties)),
      persistent: true,
      retained: false,
    },
    { route: 'r', error: new BridgeError('message-refused', text), now: 0, id: 'ID:1', extent: 'whole' },
    { kind: 'queue', name: 'dead' },
  );

describe('the properties of a dead letter', () => {
  it('keep their names and values where JMS and STOMP take them', () => {
    const { properties } = letterOf({ room: 'lobby', length: 5, odd: 'a\r\n:\\' });
    expect(properties.get('room')).toBe('lobby');
    expect(properties.get('length')).toBe(5);
    expect(properties.get('odd')).toBe('a\r\n:\\');
  });

  it('get names that JMS takes, and no NUL: nothing about them can stop the letter', () => {
    const { properties } = letterOf({ '': 'empty', 'a\nb:\0': 'v', 'content-type': 'a\0b', 'a\ud800': 1 });
    expect([...properties].slice(0, 4)).toEqual([
      ['_x_', 'empty'],
      ['a_x000A_b_x003A__x0000_', 'v'],
      ['content_HYPHEN_type', 'a\ufffdb'],
      ['a_xD800_', 1],
    ]);
  });

  it('that tell what happened have no NUL either, and are not too long', () => {
    const { properties } = letterOf({}, 'a\0b', `\0${'x'.repeat(5_000)}`);
    expect(properties.get('bridge_source')).toBe('queue a\ufffdb');
    expect(properties.get('bridge_error')).toMatch(/^\ufffdx{998}…$/);
  });

  it('on an MQTT topic have nothing over which a broker may refuse the dead letter', () => {
    const error = new BridgeError('message-refused', 'not\0this');
    const reason = { route: 'r', error, now: 0, id: 'ID:1', extent: 'whole' } as const;
    const message = { ...chat('x', 'y'), address: { kind: 'mqtt', name: 'a\nb\uffff/ü' } } as const;
    const { properties } = deadLetterOf(message, reason, { kind: 'mqtt', name: 'bridge/dead-letter' });
    expect(properties.get('bridge_source')).toBe('mqtt a%0Ab%EF%BF%BF/ü');
    expect(properties.get('bridge_error')).toBe('not%00this');
  });

  it('of the kind that tell what happened are nobody else’s to set', () => {
    const { properties } = letterOf({ bridge_destination: 'queue payroll', bridge_route: 'other' });
    expect(properties.get('bridge_destination')).toBeUndefined();
    expect(properties.get('bridge_route')).toBe('r');
    expect(properties.get('bridge_left_out')).toBe(2);
  });

  it('are left out and counted when they are too large', () => {
    const { properties } = letterOf({ long: 'x'.repeat(2_001), ['ü'.repeat(1_001)]: 'v', kept: 'v' });
    expect(properties.get('bridge_left_out')).toBe(2);
    expect(properties.get('kept')).toBe('v');
  });
});

describe('a dead letter', () => {
  it('says how often it was sent, and what it is if it is neither text nor bytes', () => {
    const error = new BridgeError('message-refused', 'no', { attempts: 3 });
    const message = { ...chat('x', 'y'), body: { unsupported: 'a map', bytes: Buffer.from([1]) } };
    const { properties, body } = deadLetterOf(
      message,
      { route: 'r', error, now: 0, id: 'ID:1', extent: 'whole', destination: 'queue out' },
      { kind: 'queue', name: 'dead' },
    );
    expect(properties.get('bridge_attempts')).toBe(3);
    expect(properties.get('bridge_body')).toBe('a map');
    expect(properties.get('bridge_destination')).toBe('queue out');
    expect(body).toEqual(Buffer.from([1]));
  });

  it('keeps how many bridges its message had passed, and the message itself begins anew', () => {
    const error = new BridgeError('loop-detected', 'no');
    const { to, ...letter } = deadLetterOf(
      { ...chat('x', 'y'), properties: new Map([['bridge_hops', '8']]) },
      { route: 'r', error, now: 0, id: 'ID:1', extent: 'bare' },
      { kind: 'queue', name: 'dead' },
    );
    expect(letter.properties.get('bridge_hops')).toBe(8);
    const { original } = readDeadLetter({ ...letter, address: to, retained: false }) ?? {};
    expect(original?.properties.size).toBe(0);
  });

  const property = fc.oneof(fc.string(), fc.integer(), fc.boolean());
  const original = fc.record({
    address: fc.record({
      kind: fc.constantFrom('mqtt' as const, 'queue' as const, 'topic' as const),
      name: fc.string({ minLength: 1, maxLength: 200 }).filter((name) => !name.includes('\0')),
    }),
    body: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    properties: fc
      .dictionary(fc.stringMatching(/^[a-z][a-z.-]{0,9}$/), property)
      .map((values) => new Map(Object.entries(values))),
    correlationId: fc.stringMatching(/^[ -~]{1,20}$/),
    persistent: fc.constant(true),
    retained: fc.constant(false),
  });

  it('gives back the message that it was made of', () => {
    fc.assert(
      fc.property(original, (message) => {
        const error = new BridgeError('message-refused', 'no');
        const reason = { route: 'r', error, now: 0, id: 'ID:1', extent: 'whole' } as const;
        const {
          to,
          qos: _qos,
          retain: _retain,
          ...letter
        } = deadLetterOf(message, reason, {
          kind: 'queue',
          name: 'dead',
        });
        const read = readDeadLetter({ ...letter, address: to, retained: false });
        const { address, body, properties, correlationId } = read?.original ?? {};
        const legal = message.address.kind === 'mqtt' ? message.properties : renamed(message.properties);
        expect({ address, body, correlationId }).toEqual({
          address: message.address,
          body: message.body,
          correlationId: message.correlationId,
        });
        expect(properties).toEqual(legal);
      }),
    );
  });

  it.each<[string, Partial<Message>]>([
    ['its body was neither text nor bytes', { body: { unsupported: 'a map', bytes: Buffer.alloc(0) } }],
    ['its address was too long to keep', { address: { kind: 'mqtt', name: 'x'.repeat(2_000) } }],
  ])('gives back no message when %s', (_, over) => {
    const error = new BridgeError('message-refused', 'no');
    const reason = { route: 'r', error, now: 0, id: 'ID:1', extent: 'whole' } as const;
    const { to, ...letter } = deadLetterOf({ ...chat('x', 'y'), ...over }, reason, {
      kind: 'queue',
      name: 'dead',
    });
    const read = readDeadLetter({ ...letter, address: to, retained: false });
    expect(read).toMatchObject({ route: 'r', reason: 'message-refused', error: 'no' });
    expect(read?.original).toBeUndefined();
  });

  it('is not what somebody else put on the queue', () => {
    expect(readDeadLetter(chat('x', 'y'))).toBeUndefined();
  });
});

/** Names that JMS would not take are others on the way back, too. */
const renamed = (properties: ReadonlyMap<string, PropertyValue>) =>
  new Map([...properties].map(([name, value]) => [encodePropertyName(name), value]));

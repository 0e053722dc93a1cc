import { describe, expect, it } from 'vitest';
import { BridgeError } from '../../../bridge/errors.js';
import { deadLetterOf } from '../../../bridge/flow/dead-letter.js';
import type { PropertyValue } from '../../../bridge/message/message.js';

const letterOf = (properties: Readonly<Record<string, PropertyValue>>, name = 'in', text = 'no') =>
  deadLetterOf(
    {
      address: { kind: 'queue', name },
      body: 'x',
      properties: new Map(Object.entries(properties)),
      persistent: true,
      retained: false,
    },
    { route: 'r', error: new BridgeError('message-refused', text), now: 0, id: 'ID:1', bare: false },
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

  it('that tell what happened have nothing over which a broker may refuse the dead letter, and are not too long', () => {
    const { properties } = letterOf({}, 'a\nb\uffff.ü', `\0${'x'.repeat(5_000)}`);
    expect(properties.get('bridge_source')).toBe('queue a%0Ab%EF%BF%BF.ü');
    expect(properties.get('bridge_error')).toMatch(/^%00x{996}…$/);
  });

  it('are left out and counted when they are too large', () => {
    const { properties } = letterOf({ long: 'x'.repeat(2_001), ['ü'.repeat(1_001)]: 'v', kept: 'v' });
    expect(properties.get('bridge_left_out')).toBe(2);
    expect(properties.get('kept')).toBe('v');
  });
});

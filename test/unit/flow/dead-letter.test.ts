import { expect, it } from 'vitest';
import { BridgeError } from '../../../bridge/errors.js';
import { deadLetterOf } from '../../../bridge/flow/dead-letter.js';
import type { Message } from '../../../bridge/message/message.js';

it('tells of characters over which a broker may refuse the dead letter, and has none', () => {
  const message: Message = {
    address: { kind: 'mqtt', name: 'a\nb\uffff/ü' },
    body: 'x',
    properties: new Map(),
    persistent: true,
    retained: false,
  };
  const error = new BridgeError('message-refused', 'not\0this');
  const reason = { route: 'r', error, now: 0, id: 'ID:1', bare: true };
  const { properties } = deadLetterOf(message, reason, { kind: 'mqtt', name: 'bridge/dead-letter' });
  expect(properties.get('bridge_source')).toBe('mqtt a%0Ab%EF%BF%BF/ü');
  expect(properties.get('bridge_error')).toBe('not%00this');
});

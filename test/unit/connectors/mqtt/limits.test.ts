import { describe, expect, it } from 'vitest';
import { checkLimits, limitsOf } from '../../../../bridge/connectors/mqtt/limits.js';
import type { OutboundMessage } from '../../../../bridge/message/message.js';

const message: OutboundMessage = {
  to: { kind: 'mqtt', name: 'a/b' },
  body: 'x',
  properties: new Map(),
  persistent: true,
  timestamp: 0,
  id: 'ID:1',
  qos: 1,
  retain: false,
};

describe('what a broker takes', () => {
  it('is everything when its CONNACK says nothing', () => {
    for (const connack of [undefined, {}])
      expect(limitsOf(connack)).toEqual({
        window: 65_535,
        packet: Number.POSITIVE_INFINITY,
        qos: 2,
        retain: true,
      });
    expect(() => checkLimits({ ...message, qos: 2, retain: true }, 10 ** 8, limitsOf({}))).not.toThrow();
  });

  it.each([
    // header 1, its length 1, topic 2 + 3, packet id 2, and the content
    [1, 11, 20],
    [0, 13, 20],
    [1, 118, 127],
    [1, 121, 131],
  ] as const)('at QoS %i %i bytes of content fit into a packet of %i', (qos, content, maximumPacketSize) => {
    const limits = limitsOf({ maximumPacketSize });
    expect(() => checkLimits({ ...message, qos }, content, limits)).not.toThrow();
    expect(() => checkLimits({ ...message, qos }, content + 1, limits)).toThrow(
      expect.objectContaining({
        code: 'message-refused',
        message: `a message for mqtt "a/b": the broker takes packets of ${maximumPacketSize} bytes at most, and this one has ${maximumPacketSize + 1}`,
      }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { flavourOf } from '../../../../bridge/connectors/flavours/flavour.js';
import { checkTopic } from '../../../../bridge/connectors/mqtt/topic.js';
import type { Address } from '../../../../bridge/message/address.js';

const { mqtt: plain } = flavourOf('mqtt');
const mqtt = (name: string): Address => ({ kind: 'mqtt', name });

describe('a topic to publish to', () => {
  it.each([
    ['empty', mqtt('')],
    ['with +', mqtt('a/+/b')],
    ['with #', mqtt('a/#')],
    ['with # inside a level', mqtt('h#h')],
    ['with NUL', mqtt('a\0b')],
    ['with a lone surrogate', mqtt('a\ud800b')],
    ['longer than 65,535 bytes', mqtt('é'.repeat(32_768))],
    ['of another kind', { kind: 'queue', name: 'orders' } as const],
  ])('is refused for good: %s', (_, address) => {
    expect(() => checkTopic(address, plain)).toThrow(
      expect.objectContaining({ code: 'destination-refused', transient: false }),
    );
  });

  it.each(['a', '/', 'a//b', 'chat/✓/😀', 'é'.repeat(32_767)])('is fine: %.20s', (name) => {
    expect(() => checkTopic(mqtt(name), plain)).not.toThrow();
  });

  it.each(['activemq', 'artemis'] as const)(
    'has at most 1,000 bytes on %s, where it is a JMS topic',
    (type) => {
      const { mqtt: flavour } = flavourOf(type);
      expect(() => checkTopic(mqtt('é'.repeat(500)), flavour)).not.toThrow();
      expect(() => checkTopic(mqtt('é'.repeat(501)), flavour)).toThrow(
        expect.objectContaining({
          code: 'destination-refused',
          message: expect.stringMatching(
            /^mqtt "é{200}"… \(501 characters\) is a topic of 1002 bytes; the longest is 1000$/,
          ),
        }),
      );
    },
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ack, AckQueue, encodeAcks } from '../../../../bridge/connectors/mqtt/ack-queue.js';

const plain = ({ qos, packetId }: Ack): Ack => ({ qos, packetId });

describe('AckQueue', () => {
  it('lets acknowledgements leave in arrival order, whatever the order of release', () => {
    const arrivals = fc.array(
      fc.record({
        qos: fc.constantFrom(1 as const, 2 as const),
        packetId: fc.integer({ min: 1, max: 65_535 }),
      }),
      { maxLength: 50 },
    );
    const scenario = arrivals.chain((acks) =>
      fc.record({
        acks: fc.constant(acks),
        order: fc.shuffledSubarray(
          acks.map((_, index) => index),
          { minLength: acks.length },
        ),
      }),
    );
    fc.assert(
      fc.property(scenario, ({ acks, order }) => {
        const queue = new AckQueue();
        const held = acks.map(({ qos, packetId }) => queue.hold(qos, packetId));
        const left: Ack[] = [];
        const released = new Set<number>();
        for (const index of order) {
          const ack = held[index];
          if (ack === undefined) throw new Error('no such acknowledgement');
          released.add(index);
          const mayLeave = queue.release(ack);
          const leaving = queue.takeReleased();
          expect(leaving.length > 0).toBe(mayLeave);
          left.push(...leaving.map(plain));
          // All before the first that is not released has left, nothing after it.
          let prefix = 0;
          while (released.has(prefix)) prefix++;
          expect(left).toEqual(acks.slice(0, prefix));
        }
        expect(left).toEqual(acks);
      }),
    );
  });

  it('forgets what it holds', () => {
    const queue = new AckQueue();
    const ack = queue.hold(1, 7);
    queue.clear();
    expect(queue.release(ack)).toBe(false);
    expect(queue.takeReleased()).toEqual([]);
  });

  it('encodes PUBACK and PUBREC (MQTT 3.1.1, 3.4 and 3.5) as one piece', () => {
    const acks: Ack[] = [
      { qos: 1, packetId: 1 },
      { qos: 2, packetId: 0xabcd },
    ];
    expect(encodeAcks(acks).toString('hex')).toBe('40020001' + '5002abcd');
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fifo } from '../../../../bridge/connectors/mqtt/fifo.js';

it('gives items back in the order in which they came, across compaction', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: -3000, max: -1 })), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(steps, (counts) => {
      const fifo = new Fifo<number>();
      let pushed = 0;
      let shifted = 0;
      for (const count of counts) {
        for (let i = 0; i < count; i++) fifo.push(pushed++);
        for (let i = 0; i > count; i--) {
          const expected = shifted < pushed ? shifted : undefined;
          if (fifo.peek() !== expected || fifo.shift() !== expected) throw new Error(`not ${expected}`);
          if (expected !== undefined) shifted++;
        }
        expect(fifo.length).toBe(pushed - shifted);
      }
    }),
    { numRuns: 50 },
  );
});

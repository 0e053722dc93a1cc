import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickLane } from '../../../bridge/flow/pick-lane.js';

const FULL = 100;

describe('the lane of a message', () => {
  it('is the one on which another with its key is, however full that is', () => {
    const lanes = fc.array(fc.record({ load: fc.nat(1_000), isOpen: fc.boolean() }), {
      minLength: 1,
      maxLength: 16,
    });
    fc.assert(
      fc.property(lanes, fc.nat(), (some, which) => {
        const [first, ...others] = some.map((one, index) =>
          lane({ ...one, keys: index === which % some.length ? ['room'] : [] }),
        );
        if (first === undefined) return;
        expect(pickLane([first, ...others], 'room', FULL).holds('room')).toBe(true);
      }),
    );
  });

  it('is one that has nothing, while few messages are on their way', () => {
    const idle = lane({ load: 0 });
    expect(pickLane([lane({ load: 1 }), lane({ load: 2 }), idle, lane({ load: 1 })], 'room', FULL)).toBe(
      idle,
    );
  });

  it('is the first that is not full, while many are', () => {
    const filling = lane({ load: 40 });
    expect(pickLane([lane({ load: FULL }), filling, lane({ load: 0 })], 'room', FULL)).toBe(filling);
  });

  it('is the one with the fewest when all are full', () => {
    const idlest = lane({ load: 110 });
    expect(pickLane([lane({ load: 130 }), idlest, lane({ load: 120 })], 'room', FULL)).toBe(idlest);
  });

  it.each([0, 90])('is one with a connection, if any has one (%i messages on their way there)', (load) => {
    const open = lane({ load });
    const lost = lane({ load: 0, isOpen: false });
    expect(pickLane([lost, open, lost], 'room', FULL)).toBe(open);
    expect(pickLane([lost], 'room', FULL)).toBe(lost);
  });
});

const lane = ({
  load,
  isOpen = true,
  keys = [],
}: {
  load: number;
  isOpen?: boolean;
  keys?: readonly string[];
}) => ({
  load,
  isOpen,
  holds: (key: string) => keys.includes(key),
});

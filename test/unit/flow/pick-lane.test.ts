import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillingLane, fixedLane } from '../../../bridge/flow/pick-lane.js';

const FULL = 100;

describe('the lane that messages fill', () => {
  it('is the one on which another with the same key is, however full that is and whatever holds it up', () => {
    const state = fc.record({ load: fc.nat(1_000), isOpen: fc.boolean(), isFlowing: fc.boolean() });
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 16 }), fc.nat(), (states, which) => {
        const [first, ...others] = states.map((one, index) =>
          lane({ ...one, keys: index === which % states.length ? ['room'] : [] }),
        );
        if (first === undefined) return;
        expect(fillingLane([first, ...others], 'room', FULL).holds('room')).toBe(true);
      }),
    );
  });

  it('is one that has nothing, while few messages are on their way', () => {
    const idle = lane({ load: 0 });
    expect(fillingLane([lane({ load: 1 }), lane({ load: 2 }), idle, lane({ load: 1 })], 'room', FULL)).toBe(
      idle,
    );
  });

  it('is the first that is not full, while many are', () => {
    const filling = lane({ load: 40 });
    expect(fillingLane([lane({ load: FULL }), filling, lane({ load: 0 })], 'room', FULL)).toBe(filling);
  });

  it('is the one with the fewest when all are full', () => {
    const idlest = lane({ load: 110 });
    expect(fillingLane([lane({ load: 130 }), idlest, lane({ load: 120 })], 'room', FULL)).toBe(idlest);
  });

  it.each([0, 40, 90])(
    'is none that gets nowhere, if another does (%i messages on their way there)',
    (load) => {
      const flowing = lane({ load });
      const heldUp = lane({ load: 35, isFlowing: false });
      expect(fillingLane([heldUp, flowing, heldUp], 'room', FULL)).toBe(flowing);
    },
  );

  it('is one with a connection, if none gets on', () => {
    const open = lane({ load: 50, isFlowing: false });
    const lost = lane({ load: 0, isFlowing: false, isOpen: false });
    expect(fillingLane([lost, open, lost], 'room', FULL)).toBe(open);
    expect(fillingLane([lost], 'room', FULL)).toBe(lost);
  });
});

describe('the fixed lane', () => {
  it('is always the same for a key, and others for others', () => {
    const lanes = ['a', 'b', 'c', 'd'] as const;
    const picked = Array.from({ length: 100 }, (_, n) => fixedLane(lanes, `chat/room-${n}/messages`));
    expect(picked).toEqual(
      Array.from({ length: 100 }, (_, n) => fixedLane(lanes, `chat/room-${n}/messages`)),
    );
    expect(new Set(picked).size).toBe(lanes.length);
  });
});

const lane = ({
  load,
  isOpen = true,
  isFlowing = true,
  keys = [],
}: {
  load: number;
  isOpen?: boolean;
  isFlowing?: boolean;
  keys?: readonly string[];
}) => ({ load, isOpen, isFlowing, holds: (key: string) => keys.includes(key) });

import type { Lane } from './lane.js';

/** With fewer messages on their way each is best on a lane of its own: it then waits for no other. */
const FEW = 32;

/**
 * The lane for a message with this order key: the one that has another of the same key on its way, so that none is overtaken. Other
 * messages share as few lanes as they fill, `full` messages each, because the more go together, the less each costs; a lane without a
 * connection gets something only when none has one.
 */
export function pickLane<Candidate extends Pick<Lane, 'holds' | 'load' | 'isOpen'>>(
  lanes: readonly [Candidate, ...Candidate[]],
  orderKey: string,
  full: number,
): Candidate {
  let load = 0;
  let [idlest] = lanes;
  let filling: Candidate | undefined;
  for (const lane of lanes) {
    if (lane.holds(orderKey)) return lane;
    load += lane.load;
    if (isBetter(lane, idlest)) idlest = lane;
    if (lane.isOpen && lane.load < full) filling ??= lane;
  }
  return load < FEW ? idlest : (filling ?? idlest);
}

function isBetter(one: Pick<Lane, 'load' | 'isOpen'>, other: Pick<Lane, 'load' | 'isOpen'>): boolean {
  return one.isOpen === other.isOpen ? one.load < other.load : one.isOpen;
}

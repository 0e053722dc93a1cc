import type { Lane } from './lane.js';

type Candidate = Pick<Lane, 'holds' | 'load' | 'isOpen' | 'isFlowing'>;
type AtLeastOne<One> = readonly [One, ...One[]];

/** With fewer messages on their way each is best on a lane of its own: it then waits for no other. */
const FEW = 32;

/** Always the same lane for the same order key. */
export function fixedLane<One>(lanes: AtLeastOne<One>, orderKey: string): One {
  return lanes[hash(orderKey) % lanes.length] ?? lanes[0];
}

/**
 * The lane for a message with this order key: the one that has another of the same key on its way, so that none is overtaken. Other
 * messages share as few lanes as they fill, `full` messages each, because the more go together, the less each costs. A lane that gets
 * nowhere gets no other keys, or one full queue would hold up every room. Only for lanes whose confirm is the broker's proof: what is
 * merely written may still be overtaken.
 */
export function fillingLane<One extends Candidate>(
  lanes: AtLeastOne<One>,
  orderKey: string,
  full: number,
): One {
  let load = 0;
  let [idlest] = lanes;
  let filling: One | undefined;
  for (const lane of lanes) {
    if (lane.holds(orderKey)) return lane;
    if (lane.isFlowing) {
      load += lane.load;
      if (lane.load < full) filling ??= lane;
    }
    if (isBetter(lane, idlest)) idlest = lane;
  }
  return load < FEW ? idlest : (filling ?? idlest);
}

function isBetter(one: Candidate, other: Candidate): boolean {
  if (one.isFlowing !== other.isFlowing) return one.isFlowing;
  return one.isOpen === other.isOpen ? one.load < other.load : one.isOpen;
}

/** FNV-1a over UTF-16 code units: cheap, and even enough for a handful of lanes. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

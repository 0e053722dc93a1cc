import type { AddressPattern, PatternLevel } from '../message/address.js';

/** A pattern with something that goes along with it (a QoS). */
export interface Covered<Extra> {
  readonly pattern: AddressPattern;
  readonly extra: Extra;
}

/**
 * The fewest subscriptions that take every address of the given patterns without taking any address twice: brokers
 * hand a message over once a matching subscription (MQTT 3.1.1 section 3.3.5), so patterns that overlap are widened
 * into one. The result may take more than was asked; what matches no route is accepted and forgotten.
 */
export function coverPatterns<Extra>(
  patterns: readonly Covered<Extra>[],
  merge: (a: Extra, b: Extra) => Extra,
): Covered<Extra>[] {
  const result: Covered<Extra>[] = [];
  for (let next of patterns) {
    // A widened pattern may overlap what did not overlap before, so look again until nothing does.
    for (let at = findOverlap(result, next); at !== -1; at = findOverlap(result, next)) {
      const [other] = result.splice(at, 1);
      if (other !== undefined)
        next = { pattern: widen(other.pattern, next.pattern), extra: merge(other.extra, next.extra) };
    }
    result.push(next);
  }
  return result;
}

function findOverlap<Extra>(among: readonly Covered<Extra>[], one: Covered<Extra>): number {
  return among.findIndex((other) => overlaps(other.pattern, one.pattern));
}

/** True when some address is in both. */
export function overlaps(a: AddressPattern, b: AddressPattern): boolean {
  for (let i = 0; ; i++) {
    const left = a.levels[i];
    const right = b.levels[i];
    if (left === undefined || right === undefined) return left === right;
    if (left === 'rest' || right === 'rest') return true;
    if (left !== 'one' && right !== 'one' && left.literal !== right.literal) return false;
  }
}

function widen(a: AddressPattern, b: AddressPattern): AddressPattern {
  const levels: PatternLevel[] = [];
  for (let i = 0; i < Math.max(a.levels.length, b.levels.length); i++) {
    const left = a.levels[i];
    const right = b.levels[i];
    if (left === undefined || right === undefined || left === 'rest' || right === 'rest') {
      levels.push('rest');
      break;
    }
    if (left === 'one' || right === 'one' || left.literal !== right.literal) levels.push('one');
    else levels.push(left);
  }
  return { kind: a.kind, levels };
}

import type { PropertyValue } from './message.js';

/**
 * The property in which bridges count how many of them a message has passed, so that a circle of rules which no single mapping file
 * shows comes to an end. Each bridge sets it on all that it sends; a rule cannot set it. A count, and no list of routes: a program
 * that copies all properties of a message into a new one would otherwise seem to be a circle at once.
 */
export const HOPS = 'bridge_hops';

/** More than any rule allows: what says more was not counted by a bridge. */
const MOST_HOPS = 1_000;

/** How many bridges a message has passed; 0 for one that does not say, or whose count is no whole number up to 1,000. */
export function hopsOf(properties: ReadonlyMap<string, PropertyValue>): number {
  const value = properties.get(HOPS);
  if (value === undefined || typeof value === 'boolean') return 0;
  // STOMP and MQTT 5 have only text.
  const text = String(value);
  const hops = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return hops > MOST_HOPS ? 0 : hops;
}

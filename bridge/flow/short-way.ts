import type { Transaction } from '../connectors/connector.js';

/** How a message can go whose destinations are all on the broker that it came from. */
export interface ShortWay {
  /** Starts the transaction in which it is sent and accepted; undefined when it has to go through the lanes. */
  begin(): Transaction | undefined;
  /** It can go nowhere for now: the others need not wait for it. */
  standAside(): void;
  /** Given when the connection that it came over is gone: it comes again over another one. */
  readonly gone: AbortSignal;
}

/**
 * For each destination of one message: the message stands aside only when it gets on towards none of them. What one destination has
 * it would get once more, if the message were given up and came again.
 */
export function shareOut(way: ShortWay, destinations: number): ShortWay[] {
  const stuck = new Set<number>();
  return Array.from({ length: destinations }, (_, index) => ({
    begin: () => way.begin(),
    gone: way.gone,
    standAside: () => {
      stuck.add(index);
      if (stuck.size === destinations) way.standAside();
    },
  }));
}

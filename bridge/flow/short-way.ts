import type { Transaction } from '../connectors/connector.js';

/** How a message can go whose destinations are all on the broker that it came from. */
export interface ShortWay {
  /** Starts the transaction in which it is sent and accepted; undefined when it has to go through the lanes. */
  begin(): Transaction | undefined;
  /** It can go nowhere for now: the others need not wait for it. */
  standAside(): void;
  /** Given when it is to be given up, since it comes again over another connection. */
  readonly gone: AbortSignal;
}

/** A message's way to one of its destinations. */
export interface Share extends ShortWay {
  /** The message is safe for this destination, or given up. */
  done(): void;
}

/** For each destination of one message: the message stands aside only when it gets on towards none of them. */
export function shareOut(way: ShortWay, destinations: number): Share[] {
  const unfinished = new Map<number, 'gets on' | 'stuck'>();
  const look = () => {
    const states = [...unfinished.values()];
    if (states.length > 0 && states.every((state) => state === 'stuck')) way.standAside();
  };
  return Array.from({ length: destinations }, (_, index) => {
    unfinished.set(index, 'gets on');
    return {
      begin: () => way.begin(),
      gone: way.gone,
      standAside: () => {
        unfinished.set(index, 'stuck');
        look();
      },
      done: () => {
        unfinished.delete(index);
        look();
      },
    };
  });
}

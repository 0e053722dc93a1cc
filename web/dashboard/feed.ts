import type { Overview } from './answers.js';

export interface FeedOptions {
  readonly ask: () => Promise<Overview>;
  readonly onOverview: (overview: Overview) => void;
  /** It did not answer, or refused. */
  readonly onFailure: (error: unknown) => void;
}

/** Milliseconds between an answer and the next question. */
const PAUSE = 1_000;

/**
 * Asks the bridge for the overview, each second while somebody can see it. Asking again and again, and not a stream of events: it
 * works through every proxy, and after a restart of the bridge it just goes on.
 */
export function follow({ ask, onOverview, onFailure }: FeedOptions): { now: () => void } {
  let timer = 0;
  let asking = false;
  let again = false;

  const turn = async () => {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      onOverview(await ask());
    } catch (error) {
      onFailure(error);
    }
    asking = false;
    if (document.visibilityState === 'visible') timer = window.setTimeout(turn, again ? 0 : PAUSE);
    again = false;
  };

  const now = () => void turn();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') now();
  });
  now();
  return { now };
}

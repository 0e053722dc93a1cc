/** The part of `process` that is needed here. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];

/** Milliseconds in which signals count as one: npm passes a terminal's Ctrl-C on to a process that already has it. */
const ONE_PRESS = 1000;

/**
 * Calls `first` on the first signal that asks the process to end, and `again` on one that comes more than
 * a second later, when somebody does not want to wait for the drain. Each is called at most once.
 */
export function onInterrupt(
  source: SignalSource,
  first: (signal: NodeJS.Signals) => void,
  again: (signal: NodeJS.Signals) => void,
  now: () => number = () => performance.now(),
): void {
  let since: number | undefined;
  let done = false;
  const listener = (signal: NodeJS.Signals) => {
    if (since === undefined) {
      since = now();
      first(signal);
    } else if (!done && now() - since > ONE_PRESS) {
      done = true;
      again(signal);
    }
  };
  for (const signal of SIGNALS) source.on(signal, listener);
}

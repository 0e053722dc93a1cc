/** What a command may touch of the process. Tests give their own. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  /** Whether the log is read by a person. */
  readonly terminal: boolean;
  /** Aborts when the process is asked to end; its reason is the signal's name. */
  readonly stop: AbortSignal;
  /** From now on an operator's SIGHUP calls this instead of ending the process. */
  readonly onHangup: (listener: () => void) => void;
  /** One line of a command's answer. */
  readonly say: (line: string) => void;
  /** One line about a problem. */
  readonly complain: (line: string) => void;
}

/** Exit codes are part of the users' contract. */
export const EXIT = { done: 0, failed: 1, wrongUse: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Resolves once the process is asked to end, with the signal's name. */
export function stopped(stop: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const done = () => resolve(String(stop.reason));
    if (stop.aborted) done();
    else stop.addEventListener('abort', done, { once: true });
  });
}

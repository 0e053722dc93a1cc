import type { MessageTrace, RouteTracer } from './tracer.js';

/** A trace of nothing. */
const NONE: MessageTrace = { send: (_to, message) => message, sent: () => {}, end: () => {} };

/** A tracer whose failures are told, and are no message's trouble. */
export function harmless(tracer: RouteTracer, tell: (failure: unknown) => void): RouteTracer {
  function attempt<Result>(work: () => Result, otherwise: Result): Result {
    try {
      return work();
    } catch (failure) {
      tell(failure);
      return otherwise;
    }
  }
  return {
    begin(received) {
      const trace = attempt(() => tracer.begin(received), NONE);
      return {
        send: (to, message) => attempt(() => trace.send(to, message), message),
        sent: (to, error) => attempt(() => trace.sent(to, error), undefined),
        end: (outcome, error) => attempt(() => trace.end(outcome, error), undefined),
      };
    },
  };
}

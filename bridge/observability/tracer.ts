import type { Message, OutboundMessage } from '../message/message.js';

/** What the message path knows of traces. Where nobody traces there is no Tracer, and nothing of this is called. */
export interface Tracer {
  route(route: TracedRoute): RouteTracer;
  /** Hands over the spans that wait, for at most `deadline` milliseconds. Never rejects. */
  stop(deadline: number): Promise<void>;
}

/** A rule, as its spans name it. */
export interface TracedRoute {
  readonly name: string;
  readonly from: TracedPlace;
  /** In the order of the rule's destinations. */
  readonly to: readonly TracedPlace[];
}

/** One end of a rule. */
export interface TracedPlace {
  /** `messaging.system` of the semantic conventions. */
  readonly system: string;
  /** The name as the rule has it, with its variables: there are few of them. */
  readonly template: string;
  /** Its broker; undefined for one that may be in several places. */
  readonly server?: { readonly host: string; readonly port: number };
}

export interface RouteTracer {
  /** Begins the span of a message that has come, in the trace of its sender if it names one. */
  begin(message: Message): MessageTrace;
}

/** What became of a message in the rule. Abandoned: its source keeps it, and hands it over again. Lost: at most once, and not even that. */
export type TracedOutcome =
  | 'delivered'
  | 'filtered'
  | 'duplicate'
  | 'expired'
  | 'dead-lettered'
  | 'abandoned'
  | 'lost';

/** One message on its way. */
export interface MessageTrace {
  /** Begins the span of a send to one of the destinations; gives the message back with the place in the trace that its receiver goes on from. */
  send(to: number, message: OutboundMessage): OutboundMessage;
  /** The destination's answer has come. `error`: the code of why it does not get the message. */
  sent(to: number, error?: string): void;
  /** Ends the message's span, and those of sends that have no end yet. Without an `error` it has the first one of its sends. */
  end(outcome: TracedOutcome, error?: string): void;
}

import {
  type Attributes,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  type Context as TraceContext,
  trace,
} from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { atMost } from '../at-most.js';
import { jsonOf } from '../message/json-body.js';
import type { Message, OutboundMessage, PropertyValue } from '../message/message.js';
import { harmless } from './harmless-tracer.js';
import type { Log } from './log.js';
import type { MessageTrace, RouteTracer, TracedOutcome, TracedPlace, TracedRoute, Tracer } from './tracer.js';

export interface TracingOptions {
  /** Where spans go: OTLP over HTTP, as JSON. */
  readonly otlp: string;
  /** Of the traces that begin here, the part that is recorded: 0 to 1. Of others their sender has decided. */
  readonly sample: number;
}

/** Spans that wait for their export, at most; what comes on top is dropped. A span has up to about 3 kB. */
const WAITING_SPANS = 2_048;
/** Characters of a name or an id in a span. */
const LONGEST_TEXT = 256;
/** Characters of a `traceparent` or `tracestate`: what W3C Trace Context (3.3.1.5) wants carried at least. */
const LONGEST_CONTEXT = 512;
/** Bytes of a body that is looked into for its context. */
const LONGEST_BODY = 64 * 1024;
/** Milliseconds between two lines of the log about the same trouble. */
const TELL_EVERY = 60_000;
/** Milliseconds for one export. */
const EXPORT_TIMEOUT = 10_000;
/** Milliseconds between exports, while few spans come. */
const EXPORT_EVERY = 1_000;

/**
 * Traces by OpenTelemetry's semantic conventions for messaging: a span `process` for a message in a rule, and below it a span `send` for
 * each destination. The context is W3C Trace Context: of a message, its properties or, without them there, fields of its JSON body; to a
 * message, its properties. Headers and resource come from OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
 */
export function startTracing({ otlp, sample }: TracingOptions, log: Log): Tracer {
  const exporter = new ToldExporter(new OTLPTraceExporter({ url: otlp, timeoutMillis: EXPORT_TIMEOUT }), log);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'activemq-bridge' }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sample) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: WAITING_SPANS,
        scheduledDelayMillis: EXPORT_EVERY,
        exportTimeoutMillis: EXPORT_TIMEOUT,
      }),
    ],
  });
  const tell = occasionally((reason) => log.warn('traces are incomplete', { reason }));
  // Of spans that are dropped OpenTelemetry tells only here; that an export failed, the exporter above has told.
  const logger = { warn: tell, error() {}, info() {}, debug() {}, verbose() {} };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const tracer = provider.getTracer('activemq-bridge');
  const start: StartSpan = (name, kind, attributes, parent) => {
    const origin = trace.getSpanContext(parent);
    // Consumers link to the message's producer, whether or not it is their parent.
    const links = kind === SpanKind.CONSUMER && origin !== undefined ? [{ context: origin }] : [];
    return tracer.startSpan(name, { kind, attributes, links }, parent);
  };
  return {
    route: (route) => harmless(new TracedRule(route, start), (failure) => tell(messageOf(failure))),
    async stop(deadline) {
      await atMost(
        deadline,
        provider.shutdown().catch(() => undefined),
      );
    },
  };
}

const messageOf = (failure: unknown) => (failure instanceof Error ? failure.message : String(failure));

/** The first, and then one a minute at most. */
function occasionally(tell: (text: string) => void): (text: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (text) => {
    const now = performance.now();
    if (now - last < TELL_EVERY) return;
    last = now;
    tell(text);
  };
}

type StartSpan = (name: string, kind: SpanKind, attributes: Attributes, parent: TraceContext) => Span;

const propagator = new W3CTraceContextPropagator();

/** Where in a trace a message was sent, as its sender says. */
interface SentContext {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

const fromMessage: TextMapGetter<SentContext> = {
  keys: (sent) => Object.keys(sent),
  get: (sent, name) => (name === 'traceparent' || name === 'tracestate' ? sent[name] : undefined),
};

const intoProperties: TextMapSetter<Map<string, PropertyValue>> = {
  set: (properties, name, value) => void properties.set(name, value),
};

/** From the properties or, without it there, from the JSON body. */
function sentContextOf(message: Message): SentContext {
  const { properties, body } = message;
  if (properties.has('traceparent'))
    return sentContext(properties.get('traceparent'), properties.get('tracestate'));
  if ((typeof body !== 'string' && !Buffer.isBuffer(body)) || body.length > LONGEST_BODY) return {};
  const json = body.includes('"traceparent"') ? jsonOf(message) : undefined;
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, 'traceparent')) return {};
  const { traceparent, tracestate } = json as Readonly<Record<string, unknown>>;
  return sentContext(traceparent, tracestate);
}

function sentContext(traceparent: unknown, tracestate: unknown): SentContext {
  const isText = (value: unknown) => typeof value === 'string' && value.length <= LONGEST_CONTEXT;
  return {
    ...(isText(traceparent) ? { traceparent: traceparent as string } : {}),
    ...(isText(tracestate) ? { tracestate: tracestate as string } : {}),
  };
}

/** The beginning of a long text; of its own, or it would keep all of the long one alive. */
const shortened = (text: string): string =>
  text.length <= LONGEST_TEXT ? text : Buffer.from(text.slice(0, LONGEST_TEXT)).toString();

class TracedRule implements RouteTracer {
  readonly #process: { readonly name: string; readonly attributes: Attributes };
  readonly #sends: readonly { readonly name: string; readonly attributes: Attributes }[];

  constructor(
    { name, from, to }: TracedRoute,
    readonly start: StartSpan,
  ) {
    const route = { 'activemq_bridge.route': name };
    this.#process = {
      name: `process ${from.template}`,
      attributes: { ...route, ...placed('process', from) },
    };
    this.#sends = to.map((place) => ({
      name: `send ${place.template}`,
      attributes: { ...route, ...placed('send', place) },
    }));
  }

  begin(message: Message): MessageTrace {
    const { name, attributes } = this.#process;
    const { id, correlationId } = message;
    const about = {
      ...attributes,
      'messaging.destination.name': shortened(message.address.name),
      ...(id === undefined ? {} : { 'messaging.message.id': shortened(id) }),
      ...(correlationId === undefined
        ? {}
        : { 'messaging.message.conversation_id': shortened(correlationId) }),
    };
    const sent = sentContextOf(message);
    const parent = propagator.extract(ROOT_CONTEXT, sent, fromMessage);
    const span = this.start(name, SpanKind.CONSUMER, about, parent);
    return new TracedMessage(sent, span, trace.setSpan(parent, span), (to, outbound, context) => {
      const send = this.#sends[to];
      if (send === undefined) throw new RangeError(`no destination ${to}`);
      const sending = {
        ...send.attributes,
        'messaging.destination.name': shortened(outbound.to.name),
        'messaging.message.id': outbound.id,
      };
      return this.start(send.name, SpanKind.PRODUCER, sending, context);
    });
  }
}

function placed(operation: 'process' | 'send', place: TracedPlace): Attributes {
  return {
    'messaging.system': place.system,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.template': place.template,
    ...(place.server === undefined
      ? {}
      : { 'server.address': place.server.host, 'server.port': place.server.port }),
  };
}

class TracedMessage implements MessageTrace {
  readonly #sending = new Map<number, Span>();
  #error: string | undefined;

  constructor(
    readonly received: SentContext,
    readonly span: Span,
    readonly context: TraceContext,
    readonly startSend: (to: number, message: OutboundMessage, context: TraceContext) => Span,
  ) {}

  send(to: number, message: OutboundMessage): OutboundMessage {
    const span = this.startSend(to, message, this.context);
    this.#sending.set(to, span);
    // Another context than the message came with is the rule's own doing.
    const written = message.properties.get('traceparent');
    if (written !== undefined && written !== this.received.traceparent) return message;
    const properties = new Map(message.properties);
    // Of another trace than the span's there must be no state.
    properties.delete('tracestate');
    propagator.inject(trace.setSpan(this.context, span), properties, intoProperties);
    return { ...message, properties };
  }

  sent(to: number, error?: string): void {
    this.#error ??= error;
    const span = this.#sending.get(to);
    if (span === undefined) return;
    this.#sending.delete(to);
    end(span, error);
  }

  end(outcome: TracedOutcome, error?: string): void {
    const expired = outcome === 'expired' ? outcome : undefined;
    for (const span of this.#sending.values()) end(span, expired);
    this.#sending.clear();
    this.span.setAttribute('activemq_bridge.outcome', outcome);
    end(this.span, error ?? this.#error ?? expired);
  }
}

function end(span: Span, error: string | undefined): void {
  if (error !== undefined) {
    span.setAttribute('error.type', error);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** Says in the log when spans begin to get nowhere, and when they arrive again. */
class ToldExporter implements SpanExporter {
  #isFailing = false;

  constructor(
    readonly inner: SpanExporter,
    readonly log: Log,
  ) {}

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.inner.export(spans, (result) => {
      const failed = result.code === ExportResultCode.FAILED;
      if (failed && !this.#isFailing)
        this.log.warn('traces are lost: they cannot be exported', { reason: result.error?.message });
      if (!failed && this.#isFailing) this.log.info('traces are exported again');
      this.#isFailing = failed;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.inner.forceFlush?.();
  }
}

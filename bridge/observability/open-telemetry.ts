import {
  type Attributes,
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
import type { Log } from './log.js';
import type { MessageTrace, RouteTracer, TracedOutcome, TracedPlace, TracedRoute, Tracer } from './tracer.js';

export interface TracingOptions {
  /** Where spans go: OTLP over HTTP, as JSON. */
  readonly otlp: string;
  /** Of the traces that begin here, the part that is recorded: 0 to 1. Of others their sender has decided. */
  readonly sample: number;
}

/** Spans that wait for their export, at most; what comes on top is dropped. A span has about 2 kB. */
const WAITING_SPANS = 2_048;
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
  const tracer = provider.getTracer('activemq-bridge');
  const start: StartSpan = (name, kind, attributes, parent) => {
    const origin = trace.getSpanContext(parent);
    // Consumers link to the message's producer, whether or not it is their parent.
    const links = kind === SpanKind.CONSUMER && origin !== undefined ? [{ context: origin }] : [];
    return tracer.startSpan(name, { kind, attributes, links }, parent);
  };
  return {
    route: (route) => new TracedRules(route, start),
    async stop(deadline) {
      await atMost(
        deadline,
        provider.shutdown().catch(() => undefined),
      );
    },
  };
}

type StartSpan = (name: string, kind: SpanKind, attributes: Attributes, parent: TraceContext) => Span;

const propagator = new W3CTraceContextPropagator();

type Carrier = ReadonlyMap<string, unknown>;

const fromCarrier: TextMapGetter<Carrier> = {
  keys: (carrier) => [...carrier.keys()],
  get: (carrier, name) => {
    const value = carrier.get(name);
    return typeof value === 'string' ? value : undefined;
  },
};

const intoProperties: TextMapSetter<Map<string, PropertyValue>> = {
  set: (properties, name, value) => void properties.set(name, value),
};

/** Where in a trace its sender was; the root where it does not say so, or not rightly. */
function contextOf(message: Message): TraceContext {
  const { properties, body } = message;
  if (properties.has('traceparent')) return propagator.extract(ROOT_CONTEXT, properties, fromCarrier);
  const mayHave = (typeof body === 'string' || Buffer.isBuffer(body)) && body.includes('"traceparent"');
  const json = mayHave ? jsonOf(message) : undefined;
  if (typeof json !== 'object' || json === null) return ROOT_CONTEXT;
  return propagator.extract(ROOT_CONTEXT, new Map(Object.entries(json)), fromCarrier);
}

class TracedRules implements RouteTracer {
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
    const about = {
      ...attributes,
      'messaging.destination.name': message.address.name,
      ...(message.id === undefined ? {} : { 'messaging.message.id': message.id }),
      ...(message.correlationId === undefined
        ? {}
        : { 'messaging.message.conversation_id': message.correlationId }),
    };
    const parent = contextOf(message);
    const span = this.start(name, SpanKind.CONSUMER, about, parent);
    return new TracedMessage(span, trace.setSpan(parent, span), (to, outbound, context) => {
      const send = this.#sends[to];
      if (send === undefined) throw new RangeError(`no destination ${to}`);
      const sent = {
        ...send.attributes,
        'messaging.destination.name': outbound.to.name,
        'messaging.message.id': outbound.id,
      };
      return this.start(send.name, SpanKind.PRODUCER, sent, context);
    });
  }
}

function placed(operation: 'process' | 'send', place: TracedPlace): Attributes {
  return {
    'messaging.system': place.system,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.template': place.template,
    'server.address': place.host,
    'server.port': place.port,
  };
}

class TracedMessage implements MessageTrace {
  readonly #sending = new Map<number, Span>();
  #error: string | undefined;

  constructor(
    readonly span: Span,
    readonly context: TraceContext,
    readonly startSend: (to: number, message: OutboundMessage, context: TraceContext) => Span,
  ) {}

  send(to: number, message: OutboundMessage): OutboundMessage {
    const span = this.startSend(to, message, this.context);
    this.#sending.set(to, span);
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
    for (const span of this.#sending.values()) end(span, outcome === 'abandoned' ? outcome : error);
    this.#sending.clear();
    this.span.setAttribute('activemq_bridge.outcome', outcome);
    end(this.span, error ?? this.#error ?? (outcome === 'abandoned' ? outcome : undefined));
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

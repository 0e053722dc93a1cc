import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A span as it was exported. */
export interface CollectedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified';
  readonly traceId: string;
  readonly spanId: string;
  /** Empty without one. */
  readonly parentSpanId: string;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly isError: boolean;
}

/** OTLP 1.x as JSON, as far as it is looked at. */
interface Exported {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}
interface OtlpSpan extends Omit<CollectedSpan, 'kind' | 'attributes' | 'isError' | 'links' | 'parentSpanId'> {
  readonly kind: number;
  readonly parentSpanId?: string;
  readonly links?: CollectedSpan['links'];
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
  }[];
  readonly status?: { readonly code?: number };
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

/** Takes spans over OTLP/HTTP as a collector does, and keeps them. */
export class SpanCollector {
  readonly spans: CollectedSpan[] = [];
  readonly #server: Server;

  static async listen(): Promise<SpanCollector> {
    const collector = new SpanCollector();
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      void json(request).then((exported) => {
        this.#keep(exported as Exported);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #keep({ resourceSpans }: Exported): void {
    for (const span of resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans)) {
      const { kind, parentSpanId = '', links = [], attributes, status, ...rest } = span;
      const values = attributes.map(({ key, value: { stringValue, intValue } }) => [
        key,
        stringValue ?? Number(intValue),
      ]);
      this.spans.push({
        ...rest,
        kind: KINDS[kind] ?? 'unspecified',
        parentSpanId,
        links,
        attributes: Object.fromEntries(values) as CollectedSpan['attributes'],
        isError: status?.code === 2,
      });
    }
  }
}

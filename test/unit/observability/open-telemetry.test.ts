import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Message } from '../../../bridge/message/message.js';
import type { Log } from '../../../bridge/observability/log.js';
import { startTracing } from '../../../bridge/observability/open-telemetry.js';
import type { RouteTracer, Tracer } from '../../../bridge/observability/tracer.js';
import { outbound } from '../../contract/suite.js';
import { eventually } from '../../support/eventually.js';

const PLACE = { system: 'mqtt', template: 'chat/{room}', host: 'localhost', port: 1883 };
const ROUTE = { name: 'rooms', from: PLACE, to: [PLACE] };

const message = (body: string | Buffer, properties: Readonly<Record<string, string>> = {}): Message => ({
  address: { kind: 'mqtt', name: 'chat/a' },
  body,
  properties: new Map(Object.entries(properties)),
  persistent: true,
  retained: false,
});

let ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ended.splice(0).map((end) => end()));
  ended = [];
});

/** A collector that answers with these codes, the last of them for ever. */
async function collector(...codes: number[]): Promise<string> {
  const server: Server = createServer((request, response) => {
    response.statusCode = (codes.length > 1 ? codes.shift() : codes[0]) ?? 200;
    request.resume().on('end', () => response.end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ended.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
}

function start(otlp: string, log: Partial<Log> = {}, sample = 1): RouteTracer {
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const tracer: Tracer = startTracing({ otlp, sample }, { ...silent, ...log });
  ended.push(() => tracer.stop(1_000));
  return tracer.route(ROUTE);
}

const SEND = outbound({ kind: 'queue', name: 'archive' }, '');

/** The trace context that a message is sent on with. */
function carriedBy(tracer: RouteTracer, received: Message): string {
  const trace = tracer.begin(received);
  const sent = trace.send(0, SEND);
  trace.sent(0);
  trace.end('delivered');
  return String(sent.properties.get('traceparent'));
}

describe('traces', () => {
  it('say once that they are lost, and once that they arrive again', async () => {
    const told: string[] = [];
    const tell = (event: string) => void told.push(event);
    const tracer = start(await collector(400, 400, 200), { warn: tell, info: tell });
    const [begun] = await eventually(() => {
      carriedBy(tracer, message('hi'));
      return told.length === 2 ? told : undefined;
    });
    expect(begun).toBe('traces are lost: they cannot be exported');
    expect(told[1]).toBe('traces are exported again');
  });

  it('of a sender that does not record are not recorded, and say so to the receiver', async () => {
    const tracer = start(await collector(200));
    const context = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
    expect(carriedBy(tracer, message('', { traceparent: context }))).toMatch(
      /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/,
    );
  });

  it('that begin here are recorded as often as was asked for', async () => {
    const tracer = start(await collector(200), {}, 0.5);
    const all = Array.from({ length: 1_000 }, () => carriedBy(tracer, message('hi')));
    const recorded = all.filter((context) => context.endsWith('-01')).length;
    expect(recorded).toBeGreaterThan(300);
    expect(recorded).toBeLessThan(700);
  });

  const SENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it('begin anew, whatever else stands where their context should be', async () => {
    const tracer = start(await collector(200));
    const wrong = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom(
        `${SENT}0`,
        `ff${SENT.slice(2)}`,
        SENT.toUpperCase(),
        `01${SENT.slice(2)}-${'x'.repeat(600)}`,
      ),
    );
    fc.assert(
      fc.property(wrong, fc.jsonValue(), (traceparent, value) => {
        const carried = [
          carriedBy(tracer, message('', { traceparent, tracestate: 'a=1' })),
          carriedBy(tracer, message(JSON.stringify({ traceparent: value, tracestate: traceparent }))),
          carriedBy(tracer, message(JSON.stringify(['traceparent', traceparent, SENT]))),
          carriedBy(tracer, message(`"traceparent"${traceparent}`)),
          carriedBy(tracer, message(Buffer.from([0xff, ...Buffer.from('"traceparent"')]))),
        ];
        for (const context of carried) {
          expect(context).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
          expect(context).not.toContain('0af7651916cd43dd8448eb211c80319c');
        }
      }),
    );
  });

  it('do not look into a large body', async () => {
    const tracer = start(await collector(200));
    const large = JSON.stringify({ traceparent: SENT, text: 'x'.repeat(64 * 1024) });
    expect(carriedBy(tracer, message(large))).not.toContain('0af7651916cd43dd8448eb211c80319c');
  });

  it('leave what the rule itself writes, and no state of another trace', async () => {
    const trace = start(await collector(200)).begin(message(JSON.stringify({ traceparent: SENT })));
    const other = '00-11111111111111111111111111111111-2222222222222222-01';
    const carried = (properties: Readonly<Record<string, string>>) =>
      Object.fromEntries(
        trace.send(0, { ...SEND, properties: new Map(Object.entries(properties)) }).properties,
      );
    expect(carried({ traceparent: other, tracestate: 'a=1' })).toEqual({
      traceparent: other,
      tracestate: 'a=1',
    });
    const own = carried({ traceparent: SENT, tracestate: 'a=1' });
    expect(own.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)/);
    expect(own).not.toHaveProperty('tracestate');
    trace.end('delivered');
  });

  it('say once that spans are dropped, when more come than are exported', async () => {
    const told: string[] = [];
    const warn = (event: string, fields = {}) => void told.push(`${event} ${JSON.stringify(fields)}`);
    const tracer = start(await collector(200), { warn });
    for (let n = 0; n < 5_000; n++) carriedBy(tracer, message('hi'));
    // Told when there is room again.
    await eventually(() => {
      carriedBy(tracer, message('hi'));
      return told.length > 0;
    });
    expect(told).toEqual([expect.stringMatching(/traces are incomplete .*[Dd]ropped/)]);
  });
});

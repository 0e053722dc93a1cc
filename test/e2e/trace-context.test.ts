import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import type { Message } from '../../bridge/message/message.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { brokerEnvironment, startBridge, type TestBridge } from '../support/bridge.js';
import { freePort, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { SpanCollector } from '../support/span-collector.js';
import { CommandLine } from '../support/up.js';

/** A W3C trace context, through rules as docs/how-to/trace-context.md shows them. */

const CONNECT = { amqp: connectAmqp, stomp: connectStomp };

let front: TestBroker;
let classic: TestBroker;
let bridge: TestBridge;
let folder = '';

const brokers = `version: 1
brokers:
  front:
    type: mqtt
    mqttVersion: 5
    mqtt: mqtt://127.0.0.1:\${FRONT_MQTT_PORT}
    username: \${FRONT_USERNAME}
    password: \${FRONT_PASSWORD}
    clientId: \${CLIENT_ID:-activemq-bridge}
  mq:
    type: activemq
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: \${CLIENT_ID:-activemq-bridge}
`;

const environment = () => ({ ...brokerEnvironment(classic), ...brokerEnvironment(front, 'FRONT') });

beforeAll(async () => {
  [front, classic] = await Promise.all([startMosquitto(), startClassic()]);
  folder = await mkdtemp(join(tmpdir(), 'trace-context-'));
  const file = join(folder, 'mapping.yaml');
  await writeFile(
    file,
    `${brokers}
routes:
  carry:
    from: { broker: front, mqtt: "traced/{room}" }
    to:
      - { broker: mq, queue: "traced.{room}.amqp", via: amqp, copyProperties: true }
      - { broker: mq, queue: "traced.{room}.stomp", via: stomp, copyProperties: true }
    deadLetter: traced-dead
  carry-from-json:
    from: { broker: front, mqtt: "traced-json/{room}" }
    to:
      - broker: mq
        queue: "traced-json.{room}.amqp"
        via: amqp
        properties: { traceparent: "{body.traceparent}", tracestate: "{body.tracestate}" }
      - broker: mq
        queue: "traced-json.{room}.stomp"
        via: stomp
        properties: { traceparent: "{body.traceparent}", tracestate: "{body.tracestate}" }
    deadLetter: traced-dead
`,
  );
  bridge = await startBridge(file, environment());
});
afterAll(async () => {
  await bridge?.end();
  await Promise.all([front?.stop(), classic?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

async function publish(
  topic: string,
  body: unknown,
  userProperties?: Readonly<Record<string, string>>,
): Promise<void> {
  const client = await connectAsync(`mqtt://${front.host}:${front.ports.mqtt}`, {
    ...front.accounts.ann,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  const properties = userProperties === undefined ? {} : { properties: { userProperties } };
  await client.publishAsync(topic, JSON.stringify(body), { qos: 1, ...properties });
  await client.endAsync();
}

/** The first messages of a queue, read over the protocol that they were sent over. */
async function receive(queue: string, via: 'amqp' | 'stomp', count = 1): Promise<readonly Message[]> {
  const endpoint = { ...endpointOf(classic, via), clientId: uniqueName('reader') };
  const connection = await CONNECT[via](endpoint, new AbortController().signal);
  const got: Message[] = [];
  const levels = queue.split('.').map((literal) => ({ literal }));
  const spec = { kind: 'queue', pattern: { kind: 'queue', levels }, window: count } as const;
  const source = await connection.source(spec, (delivery) => {
    got.push(delivery.message);
    delivery.settle('accepted');
  });
  source.grant(count);
  await eventually(() => got.length === count);
  await connection.close();
  return got;
}

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const STATE = 'vendor=t61rcWkgMzE,other=00f067aa0ba902b7';

describe.each(['amqp', 'stomp'] as const)('over %s', (via) => {
  it('a trace context comes from the user properties of MQTT 5, unchanged', async () => {
    const room = uniqueName('room');
    await publish(`traced/${room}`, { text: 'hi' }, { traceparent: PARENT, tracestate: STATE });
    const [got] = await receive(`traced.${room}.${via}`, via);
    expect(got?.properties.get('traceparent')).toBe(PARENT);
    expect(got?.properties.get('tracestate')).toBe(STATE);
  });

  it('a trace context comes from the JSON body, and a message without one comes without', async () => {
    const room = uniqueName('room');
    await publish(`traced-json/${room}`, { text: 'hi', traceparent: PARENT });
    await publish(`traced-json/${room}`, { text: 'hi' });
    const [traced, plain] = await receive(`traced-json.${room}.${via}`, via, 2);
    expect(traced?.properties.get('traceparent')).toBe(PARENT);
    expect(traced?.properties.has('tracestate')).toBe(false);
    expect(plain?.properties.has('traceparent')).toBe(false);
  });
});

describe('with tracing', () => {
  let collector: SpanCollector;
  let traced: CommandLine;
  beforeAll(async () => {
    collector = await SpanCollector.listen();
    const file = join(folder, 'tracing.yaml');
    const port = await freePort();
    await writeFile(
      file,
      `${brokers}
routes:
  spans:
    from: { broker: front, mqtt: "spans/{room}" }
    where: body.text != "quiet"
    to:
      - { broker: mq, queue: "spans.{room}.amqp", via: amqp }
      - { broker: mq, queue: "spans.{room}.stomp", via: stomp }
    deadLetter: spans-dead
tracing: { otlp: "${collector.url}" }
http: { port: ${port} }
`,
    );
    traced = new CommandLine(['run', file, '--log-level', 'error'], {
      ...environment(),
      CLIENT_ID: 'traced',
    });
    await eventually(
      async () => (await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined))?.ok,
    );
  });
  afterAll(async () => {
    await traced?.interrupt();
    await collector?.close();
  });

  const [, TRACE, SENDER] = PARENT.split('-');
  const spansOf = (room: string, count: number) =>
    eventually(() => {
      const found = collector.spans.filter(({ attributes }) =>
        String(attributes['messaging.destination.name']).includes(room),
      );
      return found.length === count ? found : undefined;
    });

  it.each([
    { place: 'user properties', body: {}, properties: { traceparent: PARENT, tracestate: STATE } },
    { place: 'the JSON body', body: { traceparent: PARENT, tracestate: STATE }, properties: undefined },
  ])(
    'the bridge is a part of the trace that $place name, and the receiver goes on from it',
    async (given) => {
      const room = uniqueName('room');
      await publish(`spans/${room}`, { text: 'hi', ...given.body }, given.properties);
      const spans = await spansOf(room, 3);
      const processing = spans.find(({ name }) => name === 'process spans/{room}');
      expect(processing).toMatchObject({
        kind: 'consumer',
        traceId: TRACE,
        parentSpanId: SENDER,
        links: [{ traceId: TRACE, spanId: SENDER }],
        attributes: {
          'messaging.system': 'mqtt',
          'messaging.operation.type': 'process',
          'messaging.destination.name': `spans/${room}`,
          'messaging.destination.template': 'spans/{room}',
          'server.port': front.ports.mqtt,
          'activemq_bridge.route': 'spans',
          'activemq_bridge.outcome': 'delivered',
        },
      });
      for (const via of ['amqp', 'stomp'] as const) {
        const sending = spans.find(({ name }) => name === `send spans.{room}.${via}`);
        expect(sending).toMatchObject({
          kind: 'producer',
          traceId: TRACE,
          parentSpanId: processing?.spanId,
          attributes: {
            'messaging.system': 'activemq',
            'messaging.destination.name': `spans.${room}.${via}`,
          },
        });
        const [got] = await receive(`spans.${room}.${via}`, via);
        expect(got?.properties.get('traceparent')).toBe(`00-${TRACE}-${sending?.spanId}-01`);
        expect(got?.properties.get('tracestate')).toBe(STATE);
      }
    },
  );

  it('a message without a trace begins one; one that the rule does not want is seen too', async () => {
    const room = uniqueName('room');
    await publish(`spans/${room}`, { text: 'quiet', traceparent: 'nonsense' });
    const [span] = await spansOf(room, 1);
    expect(span).toMatchObject({ links: [], attributes: { 'activemq_bridge.outcome': 'filtered' } });
    expect(span?.parentSpanId).toBe('');
    expect(span?.traceId).not.toBe(TRACE);
  });

  it('a dead letter is an error in its trace', async () => {
    const room = uniqueName('room');
    await publish(`spans/${room}`, { other: 'no text' }, { traceparent: PARENT });
    const [span] = await spansOf(room, 1);
    expect(span).toMatchObject({
      traceId: TRACE,
      isError: true,
      attributes: { 'activemq_bridge.outcome': 'dead-lettered', 'error.type': 'mapping-failed' },
    });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { RouteConfig } from '../../../bridge/config/config.js';
import { MemoryBroker } from '../../../bridge/connectors/memory/memory-broker.js';
import { BridgeError } from '../../../bridge/errors.js';
import type { Flow } from '../../../bridge/flow/flow.js';
import type { Message } from '../../../bridge/message/message.js';
import { harmless } from '../../../bridge/observability/harmless-tracer.js';
import type { RouteTracer } from '../../../bridge/observability/tracer.js';
import { parseExpression } from '../../../bridge/routing/expression.js';
import { parseTemplate } from '../../../bridge/routing/template.js';
import { eventually } from '../../support/eventually.js';
import { chat, startFlow, subscribe } from '../../support/memory-flow.js';
import { destination, ruleFrom } from '../../support/rules.js';

const running: Flow[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((flow) => flow.stop(1_000)));
});

const ARCHIVE = { kind: 'queue', name: 'archive' } as const;

/** Writes down what it is told of each message. */
function recorder(): RouteTracer & { readonly told: string[] } {
  const told: string[] = [];
  let messages = 0;
  return {
    told,
    begin() {
      const number = ++messages;
      return {
        send(to, message) {
          told.push(`${number} send ${to}`);
          return {
            ...message,
            properties: new Map([...message.properties, ['traceparent', `of ${number}`]]),
          };
        },
        sent: (to, error) => void told.push(`${number} sent ${to}${error === undefined ? '' : ` ${error}`}`),
        end: (outcome, error) =>
          void told.push(`${number} ${outcome}${error === undefined ? '' : ` ${error}`}`),
      };
    },
  };
}

async function start(
  broker: MemoryBroker,
  tracer: RouteTracer,
  over: Partial<RouteConfig> = {},
): Promise<Flow> {
  const rule = ruleFrom('chat/{room}/messages', { to: [destination('queue', 'archive')], ...over });
  const flow = await startFlow(broker, [rule], { tracer });
  running.push(flow);
  return flow;
}

const traceOf = ({ properties }: Message) => properties.get('traceparent');

describe('what a trace is told', () => {
  it('of a message with two destinations: each send, each answer, the end', async () => {
    const broker = new MemoryBroker();
    const tracer = recorder();
    await start(broker, tracer, { to: [destination('queue', 'archive'), destination('queue', 'copies')] });
    const got = await subscribe(broker, ARCHIVE);
    broker.publish(chat('lobby', 1));
    await eventually(() => tracer.told.length === 5);
    expect(tracer.told).toEqual(['1 send 0', '1 send 1', '1 sent 0', '1 sent 1', '1 delivered']);
    expect(got.map(traceOf)).toEqual(['of 1']);
  });

  it('of one destination that refuses for good: why, and that it is a dead letter; the other has its message', async () => {
    const broker = new MemoryBroker();
    broker.refuse = ({ to }) =>
      to.name === 'archive' ? new BridgeError('message-refused', 'no') : undefined;
    const tracer = recorder();
    await start(broker, tracer, { to: [destination('queue', 'archive'), destination('queue', 'copies')] });
    broker.publish(chat('lobby', 1));
    await eventually(() => tracer.told.length === 5);
    expect(tracer.told.slice(0, 2)).toEqual(['1 send 0', '1 send 1']);
    expect(new Set(tracer.told.slice(2, 4))).toEqual(new Set(['1 sent 0 message-refused', '1 sent 1']));
    expect(tracer.told[4]).toBe('1 dead-lettered');
  });

  it('of a message that the rule cannot judge, and of one that it does not want: no send', async () => {
    const broker = new MemoryBroker();
    const tracer = recorder();
    await start(broker, tracer, { where: parseExpression('body.wanted') });
    broker.publish(chat('lobby', { other: 1 }));
    broker.publish(chat('lobby', { wanted: false }));
    await eventually(() => tracer.told.length === 2);
    expect(new Set(tracer.told)).toEqual(new Set(['1 dead-lettered mapping-failed', '2 filtered']));
  });

  it('of a message with the key of another one: that it is a duplicate', async () => {
    const broker = new MemoryBroker();
    const tracer = recorder();
    const flow = await start(broker, tracer, { dedupe: parseTemplate('{body.id}') });
    broker.publish(chat('lobby', { id: 7 }));
    await eventually(() => flow.routes()[0]?.delivered === 1);
    broker.publish(chat('lobby', { id: 7 }));
    await eventually(() => tracer.told.length === 4);
    expect(tracer.told).toEqual(['1 send 0', '1 sent 0', '1 delivered', '2 duplicate']);
  });

  it('of a message whose time is over: that it expired', async () => {
    const broker = new MemoryBroker();
    const tracer = recorder();
    await start(broker, tracer);
    broker.publish({ ...chat('lobby', 1), ttl: 0 });
    await eventually(() => tracer.told.length === 3);
    expect(tracer.told).toEqual(['1 send 0', '1 sent 0 expired', '1 expired']);
  });

  it('of a message that may be sent only once and got lost: that it is lost', async () => {
    const broker = new MemoryBroker();
    broker.refuse = () => new BridgeError('send-timeout', 'nobody knows');
    const tracer = recorder();
    await start(broker, tracer, { delivery: 'at-most-once' });
    broker.publish(chat('lobby', 1));
    await eventually(() => tracer.told.length === 3);
    expect(tracer.told).toEqual(['1 send 0', '1 sent 0 send-timeout', '1 lost']);
  });

  it('of a message that was under way when the bridge stopped: that its source keeps it', async () => {
    const broker = new MemoryBroker();
    broker.refuse = () => new BridgeError('destination-full', 'no room left');
    const tracer = recorder();
    const flow = await start(broker, tracer);
    broker.publish(chat('lobby', 1));
    await eventually(() => flow.routes()[0]?.retried);
    await flow.stop(10);
    await eventually(() => tracer.told.length === 3);
    expect(tracer.told).toEqual(['1 send 0', '1 sent 0 connection-lost', '1 abandoned']);
  });
});

describe('a tracer that fails', () => {
  const fail = () => {
    throw new Error('no trace today');
  };
  it.each([
    ['begin', { begin: fail }],
    ['send', { begin: () => ({ send: fail, sent() {}, end() {} }) }],
    ['sent', { begin: () => ({ send: (_to, message) => message, sent: fail, end() {} }) }],
    ['end', { begin: () => ({ send: (_to, message) => message, sent() {}, end: fail }) }],
  ] satisfies [string, RouteTracer][])(
    'in %s is told of, and the message is delivered once',
    async (_when, tracer) => {
      const broker = new MemoryBroker();
      const told: unknown[] = [];
      const flow = await start(
        broker,
        harmless(tracer, (failure) => told.push(failure)),
      );
      const got = await subscribe(broker, ARCHIVE);
      broker.publish(chat('lobby', 1));
      await eventually(() => flow.routes()[0]?.delivered === 1 && got.length === 1);
      expect(flow.routes()[0]).toMatchObject({ inFlight: 0, deadLettered: 0 });
      expect(told).toEqual([expect.objectContaining({ message: 'no trace today' })]);
    },
  );
});

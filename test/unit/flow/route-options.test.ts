import { afterEach, describe, expect, it } from 'vitest';
import type { RouteConfig } from '../../../bridge/config/config.js';
import { MemoryBroker } from '../../../bridge/connectors/memory/memory-broker.js';
import { BridgeError } from '../../../bridge/errors.js';
import type { Flow } from '../../../bridge/flow/flow.js';
import { parseExpression } from '../../../bridge/routing/expression.js';
import { parseTemplate } from '../../../bridge/routing/template.js';
import { eventually } from '../../support/eventually.js';
import { chat, startFlow, subscribe } from '../../support/memory-flow.js';
import { destination, ruleFrom, templates } from '../../support/rules.js';

const running: Flow[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((flow) => flow.stop(1_000)));
});

const ARCHIVE = { kind: 'queue', name: 'archive' } as const;
const DEAD = { kind: 'queue', name: 'bridge.dead-letter' } as const;

async function start(broker: MemoryBroker, over: Partial<RouteConfig>): Promise<Flow> {
  const rule = ruleFrom('chat/{room}/messages', { to: [destination('queue', 'archive')], ...over });
  const flow = await startFlow(broker, [rule]);
  running.push(flow);
  return flow;
}

const bodies = (messages: readonly { readonly body: unknown }[]) =>
  messages.map(({ body }) => JSON.parse(String(body)) as unknown);

describe('delivery: at-most-once', () => {
  it('accepts a message at its source before any destination has it', async () => {
    const broker = new MemoryBroker();
    const order: string[] = [];
    broker.onSettled = ({ address }, outcome) => {
      if (address.kind === 'mqtt') order.push(outcome);
    };
    broker.refuse = () => {
      order.push('sent');
      return undefined;
    };
    await start(broker, { delivery: 'at-most-once' });
    broker.publish(chat('lobby', 1));
    await eventually(() => order.length === 2);
    expect(order).toEqual(['accepted', 'sent']);
  });

  it.each(['connection-lost', 'send-timeout'] as const)(
    'does not send again what may have arrived (%s), and counts it as lost',
    async (code) => {
      const broker = new MemoryBroker();
      let attempts = 0;
      broker.refuse = ({ body }) => {
        if (body !== '"in doubt"') return undefined;
        attempts++;
        return new BridgeError(code, 'nobody knows');
      };
      const flow = await start(broker, { delivery: 'at-most-once' });
      const got = await subscribe(broker, ARCHIVE);
      broker.publish(chat('lobby', 'in doubt'));
      await eventually(() => flow.routes()[0]?.lost === 1);
      broker.publish(chat('lobby', 'next'));
      await eventually(() => got.length > 0);
      expect({ attempts, got: bodies(got) }).toEqual({ attempts: 1, got: ['next'] });
    },
  );

  it('sends again what surely has not arrived', async () => {
    const broker = new MemoryBroker();
    let attempts = 0;
    broker.refuse = () => (++attempts < 3 ? new BridgeError('destination-full', 'no room') : undefined);
    const flow = await start(broker, { delivery: 'at-most-once' });
    broker.publish(chat('lobby', 1));
    await eventually(() => flow.routes()[0]?.delivered === 1);
    expect(flow.routes()[0]).toMatchObject({ lost: 0, retried: 2 });
  });
});

describe('a message that has a time to live', () => {
  it('goes on with what is left of it, or what the rule says if that is less', async () => {
    const broker = new MemoryBroker();
    const got = await subscribe(broker, ARCHIVE);
    await start(broker, { to: [destination('queue', ARCHIVE.name, { ttl: 20_000 })] });
    broker.publish({ ...chat('lobby', 'short'), ttl: 10_000 });
    broker.publish({ ...chat('lobby', 'long'), ttl: 60_000 });
    await eventually(() => got.length === 2);
    expect(got.map(({ ttl = 0 }) => ttl <= 10_000)).toEqual([true, false]);
    expect(got[1]?.ttl).toBe(20_000);
  });

  it('is accepted, counted and not sent once that is over, and the next one goes on', async () => {
    const broker = new MemoryBroker();
    const settled: string[] = [];
    broker.onSettled = ({ body }, outcome) => settled.push(`${String(body)} ${outcome}`);
    const got = await subscribe(broker, ARCHIVE);
    const flow = await start(broker, {});
    broker.publish({ ...chat('lobby', 'over'), ttl: 0 });
    broker.publish(chat('lobby', 'next'));
    await eventually(() => got.length === 1);
    expect(bodies(got)).toEqual(['next']);
    await eventually(() => flow.routes()[0]?.inFlight === 0);
    expect(flow.routes()[0]).toMatchObject({
      received: 2,
      delivered: 1,
      expired: 1,
      deadLettered: 0,
      lost: 0,
    });
    expect(settled).toContain('"over" accepted');
  });
});

describe('a message that expired', () => {
  it('makes none with the same dedupe key a duplicate', async () => {
    const broker = new MemoryBroker();
    const got = await subscribe(broker, ARCHIVE);
    const flow = await start(broker, { dedupe: parseTemplate('{body}') });
    broker.publish({ ...chat('lobby', 'same'), ttl: 0 });
    await eventually(() => flow.routes()[0]?.expired === 1);
    broker.publish(chat('lobby', 'same'));
    await eventually(() => got.length === 1);
    expect(flow.routes()[0]).toMatchObject({ expired: 1, duplicates: 0, delivered: 1 });
  });
});

describe('retry.attempts', () => {
  it.each([
    [1, 'a dead letter', 1],
    [3, 'delivered', 2],
  ])('%i: a message that was refused once is %s', async (attempts, fate, tries) => {
    const broker = new MemoryBroker();
    let refused = 0;
    let sent = 0;
    broker.refuse = ({ to }) => {
      if (to.name !== 'archive') return undefined;
      sent++;
      return refused++ === 0
        ? new BridgeError('message-refused', 'not today', { fromBroker: true })
        : undefined;
    };
    const flow = await start(broker, { retry: { initial: 1, max: 2, attempts } });
    broker.publish(chat('lobby', 1));
    await eventually(() => flow.routes()[0]?.inFlight === 0 && sent === tries);
    await eventually(() => flow.routes()[0]?.[fate === 'delivered' ? 'delivered' : 'deadLettered'] === 1);
  });

  it('keeps as a dead letter what is refused each time', async () => {
    const broker = new MemoryBroker();
    let sent = 0;
    broker.refuse = ({ to }) => {
      if (to.name !== 'archive') return undefined;
      sent++;
      return new BridgeError('message-refused', 'never', { fromBroker: true });
    };
    await start(broker, { retry: { initial: 1, max: 2, attempts: 4 } });
    const dead = await subscribe(broker, DEAD);
    broker.publish(chat('lobby', 1));
    await eventually(() => dead.length === 1);
    expect(sent).toBe(4);
  });
});

describe('retry.attempts of what never left the bridge', () => {
  it('are none: it would not get better', async () => {
    const broker = new MemoryBroker();
    let sent = 0;
    broker.refuse = ({ to }) => {
      if (to.name !== 'archive') return undefined;
      sent++;
      return new BridgeError('message-refused', 'a NUL cannot be carried');
    };
    await start(broker, { retry: { initial: 1, max: 2, attempts: 20 } });
    const dead = await subscribe(broker, DEAD);
    broker.publish(chat('lobby', 1));
    await eventually(() => dead.length === 1);
    expect(sent).toBe(1);
    expect(dead[0]?.properties.get('bridge_attempts')).toBe(0);
  });
});

describe('dedupe', () => {
  const dedupe = parseTemplate('{body.id}');

  it('sends only the first of the messages with the same key', async () => {
    const broker = new MemoryBroker();
    const flow = await start(broker, { dedupe });
    const got = await subscribe(broker, ARCHIVE);
    for (const [id, n] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['a', 4],
    ])
      broker.publish(chat('lobby', { id, n }));
    await eventually(() => flow.routes()[0]?.duplicates === 2);
    expect(bodies(got)).toEqual([
      { id: 'a', n: 1 },
      { id: 'b', n: 2 },
    ]);
    expect(flow.routes()[0]).toMatchObject({ received: 4, delivered: 2, inFlight: 0 });
  });

  it('accepts a duplicate only when the first one is safe', async () => {
    const broker = new MemoryBroker();
    let open = false;
    broker.refuse = () => (open ? undefined : new BridgeError('destination-full', 'no room'));
    const settled: string[] = [];
    broker.onSettled = (_, outcome) => settled.push(outcome);
    const flow = await start(broker, { dedupe });
    broker.publish(chat('lobby', { id: 'a' }));
    broker.publish(chat('lobby', { id: 'a' }));
    await eventually(() => (flow.routes()[0]?.retried ?? 0) > 2);
    expect(settled).toEqual([]);
    open = true;
    await eventually(() => settled.length === 2);
    expect(flow.routes()[0]).toMatchObject({ delivered: 1, duplicates: 1 });
  });

  it('takes a message without a value for the key as different from every other', async () => {
    const broker = new MemoryBroker();
    const flow = await start(broker, { dedupe });
    for (const n of [1, 2]) broker.publish(chat('lobby', { n }));
    await eventually(() => flow.routes()[0]?.delivered === 2);
  });

  it('keeps each message with its own destination in what a broker takes for a duplicate', async () => {
    const broker = new MemoryBroker();
    const ids: (string | undefined)[] = [];
    broker.refuse = ({ duplicateId }) => {
      ids.push(duplicateId);
      return undefined;
    };
    const to = [destination('queue', 'archive'), destination('queue', 'archive')];
    await start(broker, { dedupe, to });
    broker.publish(chat('lobby', { id: 'a' }));
    await eventually(() => ids.length === 2);
    const parts = ids.map((id) => id?.split('/') ?? []);
    expect(parts.map(([, route, index]) => `${route} ${index}`).toSorted()).toEqual(['route 0', 'route 1']);
    expect(parts[0]?.slice(3)).toEqual(parts[1]?.slice(3));
  });
});

describe('limits', () => {
  it('bytes: a larger body is a dead letter, the others go on', async () => {
    const broker = new MemoryBroker();
    await start(broker, { limits: { hops: 8, bytes: 5 } });
    const got = await subscribe(broker, ARCHIVE);
    const dead = await subscribe(broker, DEAD);
    for (const text of ['abc', 'abcd', 'ab']) broker.publish(chat('lobby', text));
    await eventually(() => got.length === 2 && dead.length === 1);
    expect(dead[0]?.properties.get('bridge_reason')).toBe('limit-exceeded');
    expect(dead[0]?.properties.get('bridge_error')).toBe(
      'the body has 6 bytes, more than the 5 that limits.bytes of the rule takes',
    );
  });

  it('bytes: says nothing about a message that the rule does not want', async () => {
    const broker = new MemoryBroker();
    const where = parseExpression('room == "other"');
    const flow = await start(broker, { limits: { hops: 8, bytes: 1 }, where });
    broker.publish(chat('lobby', 'too long'));
    await eventually(() => flow.routes()[0]?.filtered === 1);
    expect(flow.routes()[0]?.deadLettered).toBe(0);
  });

  it('destinations: a name more than that is a dead letter, the known ones go on', async () => {
    const broker = new MemoryBroker();
    await start(broker, { limits: { hops: 8, destinations: 2 }, to: [destination('queue', 'room.{room}')] });
    const dead = await subscribe(broker, DEAD);
    const got = await subscribe(broker, { kind: 'queue', name: 'room.a' });
    for (const room of ['a', 'b', 'c', 'a', 'c']) broker.publish(chat(room, room));
    await eventually(() => dead.length === 2 && got.length === 2);
    expect(dead[0]?.properties.get('bridge_error')).toBe(
      'queue "room.c" would be one destination more than the 2 that limits.destinations of the rule takes',
    );
  });

  it('rate: loses nothing, keeps the order, and sends what waits on stop no more', async () => {
    const broker = new MemoryBroker();
    const flow = await start(broker, { limits: { hops: 8, rate: 2_000 } });
    const got = await subscribe(broker, ARCHIVE);
    const all = Array.from({ length: 100 }, (_, n) => n);
    for (const n of all) broker.publish(chat('lobby', n));
    await eventually(() => got.length === 100);
    expect(bodies(got)).toEqual(all);

    const slow = new MemoryBroker();
    const settled: string[] = [];
    slow.onSettled = (_, outcome) => settled.push(outcome);
    const slowFlow = await start(slow, { limits: { hops: 8, rate: 0.001 } });
    slow.publish(chat('lobby', 'now'));
    slow.publish(chat('lobby', 'in a quarter of an hour'));
    await eventually(() => slowFlow.routes()[0]?.delivered === 1);
    await slowFlow.stop(60_000);
    expect(settled).toEqual(['accepted']);
    expect(flow.routes()[0]).toMatchObject({ delivered: 100 });
  });
});

describe('rate with delivery: at-most-once', () => {
  it('sends on stop what waits for its turn: its source does not have it any more', async () => {
    const broker = new MemoryBroker();
    const flow = await start(broker, { limits: { hops: 8, rate: 0.001 }, delivery: 'at-most-once' });
    const got = await subscribe(broker, ARCHIVE);
    for (const n of [1, 2, 3]) broker.publish(chat('lobby', n));
    await eventually(() => flow.routes()[0]?.received === 3);
    await flow.stop(10_000);
    expect(bodies(got)).toEqual([1, 2, 3]);
    expect(flow.routes()[0]).toMatchObject({ delivered: 3, lost: 0 });
  });
});

describe('limits.hops', () => {
  const marked = (hops: number) => ({ ...chat('lobby', hops), properties: new Map([['bridge_hops', hops]]) });

  it('keeps a message that has passed as many bridges as a dead letter, and says so in numbers', async () => {
    const broker = new MemoryBroker();
    const to = [destination('queue', 'archive'), destination('topic', 'rooms')];
    const flow = await start(broker, { limits: { hops: 2 }, to });
    const got = await subscribe(broker, ARCHIVE);
    const dead = await subscribe(broker, { kind: 'queue', name: 'bridge.dead-letter' });
    for (const hops of [0, 1, 2, 3]) broker.publish(marked(hops));
    await eventually(() => flow.routes()[0]?.deadLettered === 2);
    expect(bodies(got)).toEqual([0, 1]);
    expect(
      dead.map(({ properties }) => [properties.get('bridge_hops'), properties.get('bridge_reason')]),
    ).toEqual([
      [2, 'loop-detected'],
      [3, 'loop-detected'],
    ]);
    expect(dead[0]?.properties.get('bridge_error')).toContain('limits.hops');
    expect(flow.routes()[0]?.deadLetterReasons).toEqual({ 'loop-detected': 2 });
  });

  it('is nothing to a message that the rule does not want', async () => {
    const broker = new MemoryBroker();
    const flow = await start(broker, { limits: { hops: 2 }, where: parseExpression('body == 5') });
    broker.publish(marked(4));
    await eventually(() => flow.routes()[0]?.filtered === 1);
    expect(flow.routes()[0]).toMatchObject({ deadLettered: 0, deadLetterReasons: {} });
  });
});

describe('copyProperties', () => {
  it('takes the properties of the message along; those of the rule go before', async () => {
    const broker = new MemoryBroker();
    const to = destination('queue', 'archive', {
      copyProperties: true,
      properties: templates({ room: '{room}', sender: '{body.from}' }),
    });
    await start(broker, { to: [to] });
    const got = await subscribe(broker, ARCHIVE);
    const properties = new Map<string, string | number>([
      ['room', 'theirs'],
      ['sender', 'eve'],
      ['n', 7],
    ]);
    broker.publish({ ...chat('lobby', {}), properties });
    const [message] = await eventually(() => (got.length > 0 ? got : undefined));
    // `body.from` has no value for this message, and what the sender says of it must not stand in for it.
    expect(Object.fromEntries(message?.properties ?? [])).toEqual({ room: 'lobby', n: 7, bridge_hops: 1 });
  });
});

describe('replyTo', () => {
  it('is an address with its holes filled in, each as one level; without a value there is none', async () => {
    const broker = new MemoryBroker();
    const replyTo = { kind: 'queue', name: parseTemplate('answers.{body.who}') } as const;
    await start(broker, { to: [destination('queue', 'archive', { replyTo })] });
    const got = await subscribe(broker, ARCHIVE);
    broker.publish(chat('lobby', { who: 'a.b' }));
    broker.publish(chat('lobby', {}));
    await eventually(() => got.length === 2);
    expect(got.map((message) => message.replyTo)).toEqual([
      { kind: 'queue', name: 'answers.a%2Eb' },
      undefined,
    ]);
  });
});

describe('message.redelivered', () => {
  it('is true for what the broker may have handed over before', async () => {
    const broker = new MemoryBroker();
    let open = false;
    broker.refuse = ({ to }) =>
      open || to.kind === 'mqtt' ? undefined : new BridgeError('destination-full', 'x');
    const to = destination('queue', 'archive', { properties: templates({ again: '{message.redelivered}' }) });
    const flow = await start(broker, { to: [to] });
    const got = await subscribe(broker, ARCHIVE);
    broker.publish(chat('lobby', 1));
    await eventually(() => (flow.routes()[0]?.inFlight ?? 0) === 1);
    await flow.stop(1);
    open = true;
    await start(broker, { to: [to] });
    const [message] = await eventually(() => (got.length > 0 ? got : undefined));
    expect(message?.properties.get('again')).toBe(true);
  });
});

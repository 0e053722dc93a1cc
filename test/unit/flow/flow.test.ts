import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RouteConfig, ToConfig } from '../../../bridge/config/config.js';
import { MemoryBroker } from '../../../bridge/connectors/memory/memory-broker.js';
import { BridgeError } from '../../../bridge/errors.js';
import { EchoLedger, EchoReader } from '../../../bridge/flow/echo-ledger.js';
import type { Flow } from '../../../bridge/flow/flow.js';
import { parseExpression } from '../../../bridge/routing/expression.js';
import { parsePattern } from '../../../bridge/routing/pattern.js';
import { parseTemplate } from '../../../bridge/routing/template.js';
import { eventually } from '../../support/eventually.js';
import { chat, startFlow as start, subscribe } from '../../support/memory-flow.js';
import { destination, ruleFrom, templates } from '../../support/rules.js';

const running: Flow[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((flow) => flow.stop(1_000)));
});

const startFlow: typeof start = async (...options) => {
  const flow = await start(...options);
  running.push(flow);
  return flow;
};

describe('a flow', () => {
  it('gives what comes back from the bridge itself its hops again, also when the source hands it over twice', async () => {
    const broker = new MemoryBroker();
    const ledger = new EchoLedger();
    ledger.follow(new Map([['say', [['flow']]]]));
    const to = [destination('queue', 'archive')];
    let isFull = true;
    broker.refuse = () => (isFull ? new BridgeError('destination-full', 'no room left') : undefined);
    const flow = await startFlow(broker, [rule({ to })], { echoes: new EchoReader(ledger, 'flow') });
    const queue = await subscribe(broker, { kind: 'queue', name: 'archive' });
    const { body, ...message } = chat('lobby', 'ok');
    if (!Buffer.isBuffer(body)) throw new Error('MQTT brings bytes');
    ledger.notesOf('say').sent(0, {
      ...message,
      to: message.address,
      body,
      properties: new Map([['bridge_hops', 3]]),
      timestamp: 0,
      id: 'ID:1',
      qos: 1,
      retain: false,
    });
    broker.publish({ ...message, body });
    await eventually(() => flow.routes()[0]?.retried);
    broker.dropConnections();
    await eventually(() => flow.routes()[0]?.received === 2);
    isFull = false;
    await eventually(() => flow.routes()[0]?.delivered === 2);
    broker.publish({ ...message, body });
    const readers = await subscribe(broker, { kind: 'queue', name: 'archive' });
    await eventually(() => queue.length + readers.length === 3);
    expect([...queue, ...readers].map(({ properties }) => properties.get('bridge_hops'))).toEqual([4, 4, 1]);
  });

  it('measures how long what it delivered was on its way, and nothing else', async () => {
    const broker = new MemoryBroker();
    let isFull = true;
    broker.refuse = ({ to, body }) => {
      if (body === '"never"' && to.name === 'archive') return new BridgeError('message-refused', 'no');
      return isFull ? new BridgeError('destination-full', 'no room left') : undefined;
    };
    const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })]);
    const taken = performance.now();
    broker.publish(chat('lobby', 'waits'));
    await eventually(() => flow.routes()[0]?.retried);
    const refused = performance.now();
    const seconds = () => flow.measurements().deliveries[0]?.seconds;
    expect(seconds()?.count).toBe(0);
    await eventually(() => (flow.routes()[0]?.retried ?? 0) > 1);
    const waited = (performance.now() - refused) / 1000;
    isFull = false;
    await eventually(() => flow.routes()[0]?.delivered === 1);
    broker.publish(chat('lobby', 'never'));
    await eventually(() => flow.routes()[0]?.deadLettered === 1);
    expect(seconds()?.count).toBe(1);
    expect(seconds()?.sum).toBeLessThanOrEqual((performance.now() - taken) / 1000);
    expect(seconds()?.sum).toBeGreaterThanOrEqual(waited);
  });

  it('tells what its source may hand over: all of its window while nothing is on its way, nothing without a connection', async () => {
    const broker = new MemoryBroker();
    const flow = await startFlow(broker, [rule({ to: [], inFlight: 3 })]);
    const credit = () => flow.measurements().credits[0];
    expect(await eventually(() => credit()?.credit)).toBe(3);
    expect(credit()).toMatchObject({ name: 'flow from b over mqtt', broker: 'b', protocol: 'mqtt' });
    broker.down = true;
    broker.dropConnections();
    await eventually(() => credit()?.credit === 0);
  });

  it('maps a chat message to a JMS topic and a queue', async () => {
    const broker = new MemoryBroker();
    await startFlow(broker, [
      rule({
        to: [
          destination('topic', 'rooms.{room}', {
            properties: templates({ room: '{room}', sender: '{body.from}' }),
          }),
          destination('queue', 'archive', { group: parseTemplate('{room}') }),
        ],
      }),
    ]);
    const topic = await subscribe(broker, { kind: 'topic', name: 'rooms.lobby' });
    const queue = await subscribe(broker, { kind: 'queue', name: 'archive' });
    broker.publish(chat('lobby', { from: 'ann', text: 'hi' }));
    const onTopic = await eventually(() => topic[0]);
    const onQueue = await eventually(() => queue[0]);
    expect(onTopic.body).toBe('{"from":"ann","text":"hi"}');
    expect(Object.fromEntries(onTopic.properties)).toEqual({
      room: 'lobby',
      sender: 'ann',
      bridge_hops: 1,
    });
    expect(onQueue.group).toBe('lobby');
  });

  it('settles a delivery only when every destination has confirmed', async () => {
    const broker = new MemoryBroker();
    const refused = new Set(['archive']);
    const events: string[] = [];
    broker.refuse = ({ to }) => {
      if (refused.has(to.name)) return new BridgeError('destination-full', 'no room left');
      events.push(`confirmed ${to.name}`);
      return undefined;
    };
    broker.onSettled = ({ address }, outcome) => {
      if (address.kind === 'mqtt') events.push(outcome);
    };
    const flow = await startFlow(broker, [
      rule({ to: [destination('topic', 'rooms.{room}'), destination('queue', 'archive')] }),
    ]);
    broker.publish(chat('lobby', 1));
    await eventually(() => flow.routes()[0]?.retried);
    expect(events).toEqual(['confirmed rooms.lobby']);
    expect(flow.routes()[0]?.inFlight).toBe(1);
    refused.clear();
    await eventually(() => flow.routes()[0]?.delivered === 1);
    await eventually(() => events.length === 3);
    expect(events).toEqual(['confirmed rooms.lobby', 'confirmed archive', 'accepted']);
    expect(flow.routes()[0]?.inFlight).toBe(0);
  });

  it('settles only when its dead letter is confirmed, and says meanwhile why it is not', async () => {
    const broker = new MemoryBroker();
    let takesDeadLetters = false;
    const settled: string[] = [];
    broker.onSettled = (_, outcome) => settled.push(outcome);
    broker.refuse = ({ to, properties }) => {
      if (to.name === 'archive') return new BridgeError('destination-refused', 'not allowed there');
      if (!takesDeadLetters) return new BridgeError('message-refused', 'no dead letters either');
      return properties.has('large') ? new BridgeError('message-refused', 'too large') : undefined;
    };
    const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })]);
    broker.publish({ ...chat('lobby', 'bad'), properties: new Map([['large', 'x']]) });
    await eventually(() => flow.routes()[0]?.reason);
    expect(flow.routes()[0]).toMatchObject({
      state: 'waiting',
      reason: { code: 'message-refused', message: 'no dead letters either' },
    });
    expect(settled).toEqual([]);
    takesDeadLetters = true;
    await eventually(() => settled.length > 0);
    expect(settled).toEqual(['accepted']);
    expect(flow.routes()[0]).toMatchObject({ state: 'running', delivered: 0, deadLettered: 1 });
  });

  it('accepts and forgets what where does not want, and keeps as a dead letter what it cannot judge', async () => {
    const broker = new MemoryBroker();
    const settled: string[] = [];
    broker.onSettled = ({ address, body }, outcome) => {
      if (address.kind === 'mqtt') settled.push(`${String(body)} ${outcome}`);
    };
    const flow = await startFlow(broker, [
      { ...rule({ to: [destination('queue', 'archive')] }), where: parseExpression('body.type == "text"') },
    ]);
    const queue = await subscribe(broker, { kind: 'queue', name: 'archive' });
    const dead = await subscribe(broker, { kind: 'queue', name: 'bridge.dead-letter' });
    for (const body of [{ type: 'typing' }, 'no object', { type: 'text' }])
      broker.publish(chat('lobby', body));
    await eventually(() => settled.length === 3);
    expect(queue.map(({ body }) => body)).toEqual(['{"type":"text"}']);
    expect(dead.map(({ body, properties }) => `${String(body)} ${properties.get('bridge_reason')}`)).toEqual([
      '"no object" mapping-failed',
    ]);
    expect(flow.routes()[0]).toMatchObject({
      received: 3,
      delivered: 1,
      filtered: 1,
      deadLettered: 1,
      inFlight: 0,
    });
  });

  it('takes a message whose order key cannot be said by its source address', async () => {
    const broker = new MemoryBroker();
    const deep = `{"room":${'['.repeat(8_000)}${']'.repeat(8_000)}}`;
    await startFlow(broker, [
      { ...rule({ to: [destination('queue', 'archive')] }), orderBy: parseTemplate('{body.room}') },
    ]);
    const queue = await subscribe(broker, { kind: 'queue', name: 'archive' });
    broker.publish({ ...chat('lobby', ''), body: Buffer.from(deep) });
    expect((await eventually(() => queue[0])).body).toBe(deep);
  });

  it('keeps the order of each room when its connections drop', async () => {
    const broker = new MemoryBroker();
    await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })], { lanes: 3 });
    const queue = await subscribe(broker, { kind: 'queue', name: 'archive' });
    const rooms = ['a', 'b', 'c', 'd'];
    for (let n = 0; n < 200; n++) {
      broker.publish(chat(rooms[n % 4] ?? '', n));
      if (n === 100) broker.dropConnections();
    }
    const again = await subscribe(broker, { kind: 'queue', name: 'archive' });
    const got = await eventually(() => {
      const all = [...queue, ...again].map(({ body }) => Number(JSON.parse(String(body))));
      return new Set(all).size === 200 ? all : undefined;
    });
    for (const room of [0, 1, 2, 3]) {
      const first = [...new Set(got.filter((n) => n % 4 === room))];
      expect(first).toEqual([...first].sort((x, y) => x - y));
    }
  });

  it('keeps a message that can never be delivered as a dead letter, and goes on', async () => {
    const broker = new MemoryBroker();
    broker.refuse = ({ to }) =>
      to.name === 'rooms.forbidden' ? new BridgeError('destination-refused', 'not allowed there') : undefined;
    const flow = await startFlow(broker, [rule({ to: [destination('topic', 'rooms.{room}')] })]);
    const dead = await subscribe(broker, { kind: 'queue', name: 'bridge.dead-letter' });
    const lobby = await subscribe(broker, { kind: 'topic', name: 'rooms.lobby' });
    broker.publish(chat('forbidden', 'bad'));
    broker.publish(chat('lobby', 'good'));
    const letter = await eventually(() => dead[0]);
    await eventually(() => lobby[0]);
    expect(String(letter.body)).toBe('"bad"');
    expect(Object.fromEntries(letter.properties)).toMatchObject({
      bridge_route: 'route',
      bridge_source: 'mqtt chat/forbidden/messages',
      bridge_reason: 'destination-refused',
      bridge_error: 'not allowed there',
    });
    await eventually(() => flow.routes()[0]?.deadLettered === 1);
  });

  it('keeps what has no value for a destination name as a dead letter', async () => {
    const broker = new MemoryBroker();
    await startFlow(broker, [rule({ to: [destination('queue', 'to.{properties.missing}')] })]);
    const dead = await subscribe(broker, { kind: 'queue', name: 'bridge.dead-letter' });
    broker.publish(chat('lobby', 'x'));
    expect((await eventually(() => dead[0])).properties.get('bridge_reason')).toBe('mapping-failed');
  });

  it('never holds more unsettled deliveries than inFlight, also when the source reconnects', async () => {
    const broker = new MemoryBroker();
    let held = 0;
    let most = 0;
    let open = false;
    broker.refuse = () => (open ? undefined : new BridgeError('destination-full', 'no room left'));
    const flow = await startFlow(broker, [
      { ...rule({ to: [destination('queue', 'archive')] }), inFlight: 5 },
    ]);
    for (let n = 0; n < 50; n++) broker.publish(chat('lobby', n));
    const watch = () => {
      held = flow.routes()[0]?.inFlight ?? 0;
      most = Math.max(most, held);
      return held;
    };
    await eventually(() => watch() === 5);
    broker.dropConnections();
    await eventually(() => flow.connections().every(({ state }) => state === 'up'));
    watch();
    open = true;
    await eventually(() => {
      watch();
      return (flow.routes()[0]?.delivered ?? 0) >= 50;
    });
    expect(most).toBe(5);
  });

  it('counts what was sent again for the route that sent it', async () => {
    const broker = new MemoryBroker();
    let refusals = 0;
    broker.refuse = ({ to }) =>
      to.name === 'first' && refusals++ < 2 ? new BridgeError('destination-full', 'no room left') : undefined;
    const flow = await startFlow(broker, [
      rule({ name: 'a', to: [destination('queue', 'first')] }),
      rule({ name: 'b', to: [destination('queue', 'second')] }),
    ]);
    broker.publish(chat('lobby', 'x'));
    await eventually(() => flow.routes().every(({ delivered }) => delivered === 1));
    expect(flow.routes().map(({ retried }) => retried)).toEqual([2, 0]);
  });

  it('says which route is held up, for how long and why, although every connection is up', async () => {
    const broker = new MemoryBroker();
    broker.refuse = () => new BridgeError('destination-full', 'no room left');
    const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })]);
    broker.publish(chat('lobby', 'x'));
    await eventually(() => (flow.routes()[0]?.retried ?? 0) > 0);
    expect(flow.routes()[0]).toMatchObject({ state: 'running', oldestInFlightSeconds: 0 });
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + 45_000);
    try {
      expect(flow.routes()[0]).toMatchObject({
        state: 'waiting',
        oldestInFlightSeconds: 45,
        reason: { code: 'destination-full', message: 'a message has been on its way for 45 s: no room left' },
      });
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('holds fewer messages while they are large', async () => {
    const broker = new MemoryBroker();
    let most = 0;
    let open = false;
    broker.refuse = () => (open ? undefined : new BridgeError('destination-full', 'no room left'));
    const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })]);
    const body = Buffer.alloc(16 * 1024 * 1024);
    for (let n = 0; n < 12; n++) broker.publish({ ...chat('lobby', ''), body });
    const inFlight = () => flow.routes()[0]?.inFlight ?? 0;
    await eventually(() => inFlight() === 4);
    broker.onSettled = () => {
      most = Math.max(most, inFlight());
    };
    open = true;
    await eventually(() => flow.routes()[0]?.delivered === 12);
    expect(most).toBeLessThanOrEqual(4);
    expect(flow.routes()[0]).toMatchObject({ inFlight: 0, deadLettered: 0 });
  });

  it('keeps the beginning of a body that no broker takes, so that nothing waits behind it for ever', async () => {
    const broker = new MemoryBroker();
    broker.refuse = ({ body }) =>
      body.length > 100_000 ? new BridgeError('message-refused', 'too large') : undefined;
    const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })]);
    const dead = await subscribe(broker, { kind: 'queue', name: 'bridge.dead-letter' });
    const queue = await subscribe(broker, { kind: 'queue', name: 'archive' });
    broker.publish({ ...chat('lobby', ''), body: Buffer.alloc(200_000, 'x') });
    broker.publish(chat('lobby', 'next'));
    await eventually(() => dead.length === 1 && queue.length === 1);
    expect(dead[0]?.body).toEqual(Buffer.alloc(64 * 1024, 'x'));
    expect(dead[0]?.properties.get('bridge_body_bytes')).toBe(200_000);
    expect(flow.routes()[0]).toMatchObject({ state: 'running', deadLettered: 1, delivered: 1 });
  });

  describe('with subscriptions of former rules', () => {
    const former = [{ pattern: parsePattern('mqtt', 'old/{room}'), qos: 1 }] as const;

    it('ends them when they bring nothing any more', async () => {
      const broker = new MemoryBroker();
      const ended: unknown[] = [];
      broker.onUnsubscribed = (subscriptions) => ended.push(subscriptions);
      const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })], {
        former,
        idle: 20,
      });
      expect(flow.mayBeSubscribedTo()).toHaveLength(2);
      await eventually(() => ended.length > 0);
      expect(ended).toEqual([former]);
      await eventually(() => flow.mayBeSubscribedTo().length === 1);
    });

    it('leaves them while there is no room for what they may bring: their end would throw it away', async () => {
      const broker = new MemoryBroker();
      const rules = [rule({ to: [destination('queue', 'archive')], inFlight: 1 })];
      const first = await startFlow(broker, rules);
      await first.stop(1_000);
      broker.publish(chat('lobby', 1));
      broker.publish(chat('lobby', 2));
      let open = false;
      const ended: number[] = [];
      broker.refuse = () => (open ? undefined : new BridgeError('destination-full', 'no room left'));
      const flow = await startFlow(broker, rules, { former, idle: 5 });
      broker.onUnsubscribed = () => ended.push(flow.routes()[0]?.delivered ?? 0);
      await eventually(() => (flow.routes()[0]?.retried ?? 0) > 10);
      expect(ended).toEqual([]);
      open = true;
      await eventually(() => ended.length > 0);
      expect(ended).toEqual([2]);
    });

    it('does not end those that the new rules want, too', async () => {
      const broker = new MemoryBroker();
      const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })], {
        former: [{ pattern: parsePattern('mqtt', 'chat/{other}/messages'), qos: 0 }],
      });
      expect(flow.mayBeSubscribedTo()).toHaveLength(1);
    });
  });

  it('drains on stop: what is in flight is delivered, what is not taken stays with the broker', async () => {
    const broker = new MemoryBroker();
    const flow = await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })]);
    await eventually(() => flow.connections().every(({ state }) => state === 'up'));
    broker.publish(chat('lobby', 'in flight'));
    await eventually(() => flow.routes()[0]?.received === 1);
    await flow.stop(1_000);
    broker.publish(chat('lobby', 'later'));
    expect(flow.routes()[0]).toMatchObject({ delivered: 1, inFlight: 0 });
    await startFlow(broker, [rule({ to: [destination('queue', 'archive')] })]);
    const queue = await subscribe(broker, { kind: 'queue', name: 'archive' });
    await eventually(() => queue.length === 2);
    expect(queue.map(({ body }) => String(body))).toEqual(['"in flight"', '"later"']);
  });

  it('feeds each route of a shared session that matches, from one subscription', async () => {
    const broker = new MemoryBroker();
    await startFlow(broker, [
      rule({ name: 'all', from: 'chat/{rest...}', to: [destination('queue', 'everything')] }),
      rule({ name: 'one', from: 'chat/{room}/messages', to: [destination('queue', 'room-{room}')] }),
    ]);
    const everything = await subscribe(broker, { kind: 'queue', name: 'everything' });
    const one = await subscribe(broker, { kind: 'queue', name: 'room-lobby' });
    broker.publish(chat('lobby', 1));
    await eventually(() => everything.length > 0 && one.length > 0);
    broker.publish(chat('lobby', 2));
    await eventually(() => everything.length > 1 && one.length > 1);
    expect(everything).toHaveLength(2);
    expect(one).toHaveLength(2);
  });
});

function rule({
  from = 'chat/{room}/messages',
  ...over
}: Partial<Omit<RouteConfig, 'from'>> & { from?: string; to: ToConfig[] }): RouteConfig {
  return ruleFrom(from, over);
}

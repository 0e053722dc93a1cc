import { afterEach, describe, expect, it } from 'vitest';
import type { RouteConfig, ToConfig } from '../../../bridge/config/config.js';
import { MemoryBroker } from '../../../bridge/connectors/memory/memory-broker.js';
import { BridgeError } from '../../../bridge/errors.js';
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
    expect(Object.fromEntries(onTopic.properties)).toEqual({ room: 'lobby', sender: 'ann' });
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

  it('gives each queue of a shared session its credit again when the source reconnects with all of it in use', async () => {
    const broker = new MemoryBroker();
    let open = false;
    broker.refuse = () => (open ? undefined : new BridgeError('destination-full', 'no room left'));
    const fromQueue = (name: string): RouteConfig => ({
      ...rule({ name, to: [destination('topic', 'all')] }),
      from: {
        kind: 'queue',
        broker: 'b',
        via: 'amqp',
        pattern: parsePattern('queue', name),
        qos: 1,
        session: 'durable',
        connection: 'shared',
      },
      inFlight: 4,
    });
    const message = (name: string) => ({ ...chat('lobby', 'hi'), address: { kind: 'queue' as const, name } });
    const flow = await startFlow(broker, [fromQueue('first'), fromQueue('second')]);
    const total = (what: 'inFlight' | 'delivered') => flow.routes().map((route) => route[what]);
    for (let n = 0; n < 10; n++) for (const name of ['first', 'second']) broker.publish(message(name));
    await eventually(() => total('inFlight').join() === '2,2');
    broker.dropConnections();
    await eventually(() => flow.connections().some(({ state }) => state !== 'up'));
    await eventually(() => flow.connections().every(({ state }) => state === 'up'));
    open = true;
    await eventually(() => total('delivered').every((delivered) => delivered >= 10), 5_000);
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

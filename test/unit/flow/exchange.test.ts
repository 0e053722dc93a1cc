import { describe, expect, it } from 'vitest';
import type { ReplyConfig, ReplyTarget } from '../../../bridge/config/config.js';
import { Exchange, type RequestRoute } from '../../../bridge/flow/exchange.js';
import type { Address } from '../../../bridge/message/address.js';
import type { Message } from '../../../bridge/message/message.js';
import { parsePattern } from '../../../bridge/routing/pattern.js';
import { parseTemplate } from '../../../bridge/routing/template.js';
import { destination, ruleFrom, templates } from '../../support/rules.js';

const arrival = (now = 0) => ({ id: 'ID:bridge-1', now, redelivered: false });
const NONE = new Map<string, string>();

function target(allows: ReplyTarget['allows'], over: Partial<ReplyTarget> = {}): ReplyTarget {
  const { kind: _kind, name: _name, ...output } = destination('queue', 'unused');
  return { ...output, allows, ...over };
}

const clients = target({ pattern: parsePattern('mqtt', 'clients/{client}/answers') }, { via: 'mqtt' });

function exchange(
  over: Partial<ReplyConfig> = {},
  to = [destination('queue', 'services')],
  limits: RequestRoute['limits'] = { hops: 8 },
): Exchange {
  const { from } = ruleFrom('unused');
  const route: RequestRoute = {
    ...ruleFrom('services/{service}', { to, limits }),
    reply: {
      from: { ...from, kind: 'queue', via: 'amqp', pattern: parsePattern('queue', 'answers') },
      to: [clients],
      within: 1_000,
      pending: 3,
      ...over,
    },
  };
  return new Exchange(route);
}

function request(replyTo: Address | undefined, over: Partial<Message> = {}): Message {
  return {
    address: { kind: 'mqtt', name: 'services/time' },
    body: 'what time is it?',
    properties: new Map(),
    persistent: true,
    retained: false,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...over,
  };
}

function answer(correlationId: string | undefined, over: Partial<Message> = {}): Message {
  return {
    address: { kind: 'queue', name: 'answers' },
    body: 'noon',
    properties: new Map([['zone', 'UTC']]),
    persistent: true,
    retained: false,
    ...(correlationId === undefined ? {} : { correlationId }),
    ...over,
  };
}

/** What goes to the one destination of a plan. */
function sent(plan: ReturnType<Exchange['planRequest']>) {
  const result = plan?.sends[0]?.result;
  if (result === undefined || result instanceof Error) throw result ?? new Error('nothing is sent');
  return result;
}

const mqtt = (name: string): Address => ({ kind: 'mqtt', name });
const ask = (one: Exchange, message: Message, now = 0) => sent(one.planRequest(message, NONE, arrival(now)));

describe('a request', () => {
  it('goes on with an id of the bridge and its own reply address, never those of the asker', () => {
    const message = ask(exchange(), request(mqtt('clients/c1/answers'), { correlationId: 'mine' }));
    expect(message.replyTo).toEqual({ kind: 'queue', name: 'answers' });
    expect(message.correlationId).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(message)).not.toContain('mine');
    expect(JSON.stringify(message)).not.toContain('clients');
  });

  it('can say its id in a topic, a body or a property', () => {
    const to = [
      destination('queue', 'services.{reply.id}', {
        body: parseTemplate('{ {"id": reply.id} }'),
        properties: templates({ id: '{reply.id}' }),
      }),
    ];
    const message = ask(exchange({}, to), request(mqtt('clients/c1/answers')));
    const id = message.correlationId;
    expect(message.to.name).toBe(`services.${id}`);
    expect(message.body).toBe(`{"id":"${id}"}`);
    expect(message.properties.get('id')).toBe(id);
  });

  it('brings a reply address only to destinations on the broker where answers are read', () => {
    const to = [destination('queue', 'elsewhere', { broker: 'other' }), destination('mqtt', 'a')];
    const plan = exchange({}, to).planRequest(request(mqtt('clients/c/answers')), NONE, arrival());
    const addresses = plan?.sends.map(({ result }) => result instanceof Error || result.replyTo);
    expect(addresses).toEqual([undefined, undefined]);
  });

  const jms = [
    target({ pattern: parsePattern('queue', 'answers.{who}') }),
    target({ pattern: parsePattern('queue', '{any...}') }),
    target({ pattern: parsePattern('topic', 'news.{rest...}') }),
    target({ temporary: 'queue' }),
  ];
  it.each<[string, readonly ReplyTarget[], Address]>([
    ['another topic', [clients], mqtt('clients/c1/inbox')],
    ['more levels', [clients], mqtt('clients/c1/x/answers')],
    ['a wildcard', [clients], mqtt('clients/+/answers')],
    ['a topic with NUL', [clients], mqtt('clients/\0/answers')],
    ['a queue of the same text', [clients], { kind: 'queue', name: 'clients/c1/answers' }],
    [
      'a virtual topic',
      [target({ pattern: parsePattern('mqtt', '{y}/answers') })],
      mqtt('VirtualTopic/answers'),
    ],
    ['two topics of Classic in one', [clients], mqtt('clients/x,ORDERS/answers')],
    ['an option of Classic', [clients], mqtt('clients/x?a=/answers')],
    ['a topic over which Mosquitto hangs up', [clients], mqtt('clients/\uffff/answers')],
    ['a system topic', [target({ pattern: parsePattern('mqtt', '{all...}') })], mqtt('$SYS/x')],
    ['two destinations in one', jms, { kind: 'queue', name: 'answers.a,queue://ORDERS' }],
    ['a wildcard queue', jms, { kind: 'queue', name: 'answers.>' }],
    ['an option', jms, { kind: 'queue', name: 'answers.a?consumer.exclusive=true' }],
    ['one queue of an address', jms, { kind: 'queue', name: 'answers.a::b' }],
    ['the broker’s management', jms, { kind: 'queue', name: 'activemq.management' }],
    ['an advisory topic', jms, { kind: 'topic', name: 'ActiveMQ.Advisory.Connection' }],
    ['an empty level', jms, { kind: 'queue', name: 'answers.' }],
    ['a queue that it calls temporary', jms, { kind: 'queue', name: 'ORDERS', temporary: true }],
    ['a temporary topic', jms, { kind: 'topic', name: 'ID:a-1-2:1:1', temporary: true }],
  ])('is refused when it wants its answer at %s', (_, to, address) => {
    const one = exchange({ to });
    expect(() => one.planRequest(request(address), NONE, arrival())).toThrow(
      expect.objectContaining({ code: 'destination-refused', transient: false }),
    );
  });

  it.each([
    ['an id', { correlationId: 'x'.repeat(1_001) }],
    ['a source', { address: mqtt(`services/${'x'.repeat(1_000)}`) }],
    ['a reply address', { replyTo: mqtt(`clients/${'x'.repeat(1_000)}/answers`) }],
  ])('is refused with %s that is too long to be kept', (_, over) => {
    const message = request(mqtt('clients/c/answers'), over);
    expect(() => exchange().planRequest(message, NONE, arrival())).toThrow(
      expect.objectContaining({ code: 'limit-exceeded' }),
    );
  });

  it('counts reply addresses among the destinations that the rule limits, temporary ones left out', () => {
    const one = exchange({ to: [clients, target({ temporary: 'queue' })] }, undefined, {
      hops: 8,
      destinations: 2,
    });
    for (const name of ['a', 'b', 'a']) ask(one, request(mqtt(`clients/${name}/answers`)));
    for (const n of [1, 2, 3]) ask(one, request({ kind: 'queue', name: `ID:${n}`, temporary: true }));
    expect(() => one.planRequest(request(mqtt('clients/c/answers')), NONE, arrival())).toThrow(
      expect.objectContaining({ code: 'limit-exceeded' }),
    );
  });

  it.each<[Address, string]>([
    [{ kind: 'queue', name: 'answers.a%2Cb' }, 'queue answers.a%2Cb'],
    [{ kind: 'queue', name: 'ID:host-1-2:1:1', temporary: true }, 'queue ID:host-1-2:1:1'],
    [
      { kind: 'queue', name: '8f14e45f-ceea-467f-a9e8-2b2c8d1a0b6c', temporary: true },
      'queue 8f14e45f-ceea-467f-a9e8-2b2c8d1a0b6c',
    ],
  ])('is taken with %o', (address, where) => {
    const one = exchange({ to: jms });
    const { correlationId } = ask(one, request(address));
    const { to } = sent(one.planAnswer(answer(correlationId), NONE, arrival()));
    expect(`${to.kind} ${to.name}`).toBe(where);
  });
});

describe('an answer', () => {
  it('goes to where the asker wanted it, with the asker’s own correlation id', () => {
    const one = exchange();
    const first = ask(one, request(mqtt('clients/c1/answers'), { correlationId: 'one' }));
    const second = ask(one, request(mqtt('clients/c2/answers'), { correlationId: 'two' }));
    const toSecond = sent(one.planAnswer(answer(second.correlationId), NONE, arrival()));
    const toFirst = sent(one.planAnswer(answer(first.correlationId), NONE, arrival()));
    expect(toFirst).toMatchObject({ to: mqtt('clients/c1/answers'), correlationId: 'one', body: 'noon' });
    expect(toSecond).toMatchObject({ to: mqtt('clients/c2/answers'), correlationId: 'two' });
  });

  it('names the request by its message id when that has no correlation id, as JMS does', () => {
    const one = exchange();
    const { correlationId } = ask(one, request(mqtt('clients/c1/answers'), { id: 'ID:asker-7' }));
    const back = sent(one.planAnswer(answer(correlationId), NONE, arrival()));
    expect(back.correlationId).toBe('ID:asker-7');
  });

  it('can be reshaped with what it, its request and its address say', () => {
    const body = parseTemplate(
      '{ {"re": request.correlationId, "on": request.topic, "to": client, "text": body} }',
    );
    const one = exchange({ to: [{ ...clients, body }] });
    const { correlationId } = ask(one, request(mqtt('clients/c1/answers'), { correlationId: '7' }));
    const back = sent(one.planAnswer(answer(correlationId), NONE, arrival()));
    expect(JSON.parse(String(back.body))).toEqual({ re: '7', on: 'services/time', to: 'c1', text: 'noon' });
  });

  it('is known by what the rule says: a level of its topic, a field of its body', () => {
    const one = exchange({ id: parseTemplate('{id}'), replyTo: parseTemplate('{body.to}') });
    const body = JSON.stringify({ to: 'clients/c9/answers' });
    const { correlationId = '' } = ask(one, request(undefined, { body }));
    const back = sent(one.planAnswer(answer(undefined), new Map([['id', correlationId]]), arrival()));
    expect(back.to).toEqual(mqtt('clients/c9/answers'));
  });

  it('may come more than once, until its time is over', () => {
    const one = exchange();
    const { correlationId } = ask(one, request(mqtt('clients/c1/answers')));
    for (const now of [1, 999]) sent(one.planAnswer(answer(correlationId), NONE, arrival(now)));
    expect(() => one.planAnswer(answer(correlationId), NONE, arrival(1_000))).toThrow(
      expect.objectContaining({ code: 'no-request', transient: false }),
    );
  });

  it('is kept as a dead letter when it names no open request, or none at all', () => {
    const one = exchange();
    ask(one, request(mqtt('clients/c1/answers'), { correlationId: 'mine' }));
    for (const id of ['mine', '0'.repeat(32), undefined])
      expect(() => one.planAnswer(answer(id), NONE, arrival())).toThrow(
        expect.objectContaining({ code: 'no-request' }),
      );
  });

  it('counts the bridges that it passes, and is not sent on when they are too many', () => {
    const one = exchange();
    const asked = ask(
      one,
      request(mqtt('clients/c1/answers'), { properties: new Map([['bridge_hops', 2]]) }),
    );
    expect(asked.properties.get('bridge_hops')).toBe(3);
    const back = (hops: number) =>
      one.planAnswer(
        answer(asked.correlationId, { properties: new Map([['bridge_hops', hops]]) }),
        NONE,
        arrival(),
      );
    expect(sent(back(7)).properties.get('bridge_hops')).toBe(8);
    expect(() => back(8)).toThrow(expect.objectContaining({ code: 'loop-detected', transient: false }));
  });

  it('is not wanted when its request named no place for it', () => {
    const one = exchange();
    const { correlationId } = ask(one, request(undefined));
    expect(one.planAnswer(answer(correlationId), NONE, arrival())).toBeUndefined();
  });

  it('lives on a temporary queue as long as its asker waits', () => {
    const one = exchange({ to: [target({ temporary: 'queue' })] });
    const address: Address = { kind: 'queue', name: 'ID:a-1:1', temporary: true };
    const { correlationId } = ask(one, request(address), 100);
    expect(sent(one.planAnswer(answer(correlationId), NONE, arrival(400))).ttl).toBe(700);
  });

  it('is lost to the oldest request when more wait than the rule takes', () => {
    const one = exchange();
    const ids = [1, 2, 3, 4].map((n) => ask(one, request(mqtt(`clients/c${n}/answers`))).correlationId);
    const known = ids.map((id) => {
      try {
        return sent(one.planAnswer(answer(id), NONE, arrival())).to.name;
      } catch {
        return 'gone';
      }
    });
    expect(known).toEqual(['gone', 'clients/c2/answers', 'clients/c3/answers', 'clients/c4/answers']);
  });
});

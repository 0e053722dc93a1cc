import { describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Delivery } from '../../bridge/connectors/connector.js';
import type { PropertyValue } from '../../bridge/message/message.js';
import { Secret } from '../../bridge/secret.js';
import { startArtemis, startClassic } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { forever, from, type Inbox, jmsWorkbench, message, queue, topic, wildcard } from './jms-workbench.js';

const BROKERS = [
  { name: 'ActiveMQ Classic', start: startClassic, otherType: 'artemis', rightType: 'activemq' },
  { name: 'ActiveMQ Artemis', start: startArtemis, otherType: 'activemq', rightType: 'artemis' },
] as const;

describe.each(BROKERS)('AMQP on $name', ({ start, otherType, rightType }) => {
  const bench = jmsWorkbench('amqp', connectAmqp, start, { writable: 'test' });
  const { endpoint, connect, sinkOf, receive } = bench;

  it('keeps a message for a queue that nobody has used before, until a consumer comes', async () => {
    const to = queue();
    await (await sinkOf()).send(message(to, 'first'));
    const inbox = await receive(from(to));
    inbox.source.grant(10);
    const [delivery] = await inbox.take(1);
    expect(delivery?.message).toMatchObject({ body: 'first', address: to, persistent: true });
  });

  it('gives a queue message to one consumer and a topic message to every subscriber', async () => {
    const [q, t] = [queue(), topic()];
    const sink = await sinkOf();
    const subscribers = [await receive(from(t)), await receive(from(t))];
    for (const { source } of subscribers) source.grant(10);
    const sent = ['1', '2', '3', '4'];
    await Promise.all(sent.flatMap((body) => [sink.send(message(q, body)), sink.send(message(t, body))]));
    const consumers = [await receive(from(q)), await receive(from(q))];
    for (const { source } of consumers) source.grant(10);
    for (const subscriber of subscribers) {
      await subscriber.take(4);
      expect(subscriber.bodies()).toEqual(sent);
    }
    const got = await eventually(() => {
      const all = consumers.flatMap((consumer) => consumer.bodies());
      return all.length >= 4 ? all : undefined;
    });
    expect(got.toSorted()).toEqual(sent);
  });

  it('takes a wildcard subscription and tells the concrete name of each message', async () => {
    const base = `test.${uniqueName('w')}`;
    const [one, rest] = [await receive(wildcard(base, 'one')), await receive(wildcard(base, 'rest'))];
    for (const { source } of [one, rest]) source.grant(10);
    const sink = await sinkOf();
    await sink.send(message(topic(`${base}.a.b`), 'deep'));
    await sink.send(message(topic(`${base}.a`), 'flat'));
    const names = async (inbox: Inbox, count: number) =>
      (await inbox.take(count)).map(({ message: { address } }) => address.name);
    expect(await names(rest, 2)).toEqual([`${base}.a.b`, `${base}.a`]);
    expect(await names(one, 1)).toEqual([`${base}.a`]);
  });

  it('carries typed properties, JMS headers, text and bytes', async () => {
    const to = queue();
    const properties = new Map<string, PropertyValue>([
      ['room', 'lobby'],
      ['length', 5],
      ['long', 5_000_000_000],
      ['big', 2n ** 62n],
      ['ratio', 0.5],
      ['ok', true],
    ]);
    const headers = { correlationId: 'c-1', type: 'greeting', group: 'g', priority: 7, ttl: 60_000 };
    const replyTo = topic('answers');
    const sink = await sinkOf();
    const text = message(to, 'größe 😀', { properties, replyTo, ...headers });
    const bytes = message(to, Buffer.from([0, 1, 255]), { properties, group: 'g', priority: 7 });
    await sink.send(text);
    await sink.send(bytes);
    const inbox = await receive(from(to));
    inbox.source.grant(2);
    const [first, second] = await inbox.take(2);
    const { ttl: _, ...received } = headers;
    expect(first?.message).toMatchObject({
      body: 'größe 😀',
      id: text.id,
      timestamp: text.timestamp,
      replyTo,
      ...received,
    });
    expect(Object.fromEntries(first?.message.properties ?? [])).toEqual(Object.fromEntries(properties));
    expect(second?.message.body).toEqual(Buffer.from([0, 1, 255]));
  });

  it('lets the broker select by typed properties', async () => {
    const to = queue();
    const sink = await sinkOf();
    for (const n of [1, 2, 3, 4])
      await sink.send(message(to, String(n), { properties: new Map([['n', n]]) }));
    const inbox = await receive(from(to, { selector: 'n > 2' }));
    inbox.source.grant(10);
    await inbox.take(2);
    expect(inbox.bodies()).toEqual(['3', '4']);
  });

  it('says that a selector was refused, and goes on on the same connection', async () => {
    const connection = await connect();
    await expect(connection.source(from(queue(), { selector: 'n >' }), () => {})).rejects.toMatchObject({
      code: 'subscription-refused',
    });
    const to = queue();
    const deliveries: Delivery[] = [];
    const source = await connection.source(from(to), (delivery) => deliveries.push(delivery));
    source.grant(1);
    await (await connection.sink({ window: 1, sendTimeout: 10_000 })).send(message(to, 'after'));
    await eventually(() => deliveries.length === 1);
  });

  it('honours a mix of outcomes that were set in one turn', async () => {
    const to = queue();
    const sink = await sinkOf();
    const bodies = Array.from({ length: 60 }, (_, index) => String(index));
    await Promise.all(bodies.map((body) => sink.send(message(to, body))));
    const inbox = await receive(from(to));
    inbox.source.grant(60);
    const all = await inbox.take(60);
    const outcomes = ['accepted', 'released', 'accepted', 'rejected', 'released', 'accepted'] as const;
    all.forEach((delivery, index) => {
      delivery.settle(outcomes[index % outcomes.length] ?? 'accepted');
    });
    await inbox.source.stop();
    const again = await receive(from(to));
    again.source.grant(100);
    await again.take(20);
    // One more message behind them: everything that was not settled for good would have come before it.
    await sink.send(message(to, 'last'));
    await again.take(21);
    const released = bodies.filter((_, index) => outcomes[index % outcomes.length] === 'released');
    expect(again.bodies().slice(0, 20).toSorted()).toEqual(released.toSorted());
    expect(again.bodies()[20]).toBe('last');
  });

  it('hands over no more than its credit, and nothing after it was stopped', async () => {
    const to = queue();
    const sink = await sinkOf();
    await Promise.all(Array.from({ length: 50 }, (_, index) => sink.send(message(to, String(index)))));
    const inbox = await receive(from(to));
    inbox.source.grant(7);
    await inbox.take(7);
    await sink.send(message(to, 'round trip'));
    expect(inbox.deliveries).toHaveLength(7);
    await inbox.source.stop();
    inbox.source.grant(10);
    for (const delivery of inbox.deliveries) delivery.settle('accepted');
    const next = await receive(from(to));
    next.source.grant(100);
    await next.take(44);
    await sink.send(message(to, 'last'));
    await next.take(45);
    expect(inbox.deliveries).toHaveLength(7);
    expect(next.bodies()).toHaveLength(45);
  });

  it('gives back what was on its way when it is stopped', async () => {
    const to = queue();
    const sink = await sinkOf();
    const inbox = await receive(from(to));
    inbox.source.grant(1_000);
    const sending = Array.from({ length: 300 }, (_, index) => sink.send(message(to, String(index))));
    await inbox.take(1);
    await inbox.source.stop();
    const handedOver = inbox.deliveries.length;
    for (const delivery of inbox.deliveries) delivery.settle('accepted');
    await Promise.all(sending);
    const next = await receive(from(to));
    next.source.grant(1_000);
    await next.take(300 - handedOver);
    expect(inbox.deliveries).toHaveLength(handedOver);
    expect(new Set([...inbox.bodies(), ...next.bodies()]).size).toBe(300);
  });

  it('keeps thousands of sends in order with a small window and a large one', async () => {
    for (const window of [3, 10_000]) {
      const to = queue();
      const sink = await sinkOf(window);
      const bodies = Array.from({ length: 3_000 }, (_, index) => String(index));
      await Promise.all(bodies.map((body) => sink.send(message(to, body, { persistent: false }))));
      const received: unknown[] = [];
      const source = await (await connect()).source(from(to), (delivery) => {
        received.push(delivery.message.body);
        delivery.settle('accepted');
      });
      source.grant(3_000);
      await eventually(() => received.length === 3_000);
      expect(received).toEqual(bodies);
    }
  });

  it('hands over as many unsettled deliveries as were granted', async () => {
    // Classic reads 200 messages of a queue from its store (maxPageSize) and no more until some are settled.
    const count = rightType === 'activemq' ? 200 : 2_500;
    const to = queue();
    const sink = await sinkOf();
    const bodies = Array.from({ length: count }, (_, index) => String(index));
    await Promise.all(bodies.map((body) => sink.send(message(to, body, { persistent: false }))));
    const inbox = await receive(from(to));
    inbox.source.grant(count);
    await inbox.take(count);
    expect(inbox.bodies()).toEqual(bodies);
  });

  it('keeps messages for a durable subscription while nobody is there', async () => {
    const to = topic();
    const clientId = uniqueName('durable');
    const spec = from(to, { durable: 'sub' });
    const sink = await sinkOf();
    const first = await receive(spec, { clientId });
    first.source.grant(10);
    await sink.send(message(to, '1'));
    const [delivery] = await first.take(1);
    delivery?.settle('accepted');
    await first.source.stop();
    await first.connection.close();
    await sink.send(message(to, '2'));
    const second = await receive(spec, { clientId });
    second.source.grant(10);
    await second.take(1);
    await second.connection.close();
    const third = await receive(spec, { clientId });
    third.source.grant(10);
    await third.take(1);
    await sink.send(message(to, '3'));
    await third.take(2);
    expect(third.bodies()).toEqual(['2', '3']);
  });

  it.each(['a b', 'a:b;c|d', 'größe😀', 'a%2Cb', 'a$b&c=d', '$x', 'a/b'])(
    'keeps a queue named %j one queue',
    async (odd) => {
      const to = queue(`test.${uniqueName('odd')}${odd}`);
      const sink = await sinkOf();
      await sink.send(message(to, 'x'));
      const inbox = await receive(from(to));
      inbox.source.grant(10);
      const [delivery] = await inbox.take(1);
      expect(delivery?.message.address).toEqual(to);
    },
  );

  it('refuses a name that the broker would take apart, and the sink goes on', async () => {
    const sink = await sinkOf();
    for (const name of ['', 'a\nb', bench.broker.type === 'activemq' ? 'a,b' : 'a::b'])
      await expect(sink.send(message(queue(name), 'x'))).rejects.toMatchObject({
        code: 'destination-refused',
        transient: false,
      });
    await sink.send(message(queue(), 'after'));
  });

  it('refuses a destination that the account may not send to, and the sink goes on', async () => {
    const sink = await sinkOf();
    await expect(sink.send(message(queue(uniqueName('refused')), 'x'))).rejects.toMatchObject({
      code: 'destination-refused',
      transient: false,
    });
    await sink.send(message(queue(), 'after'));
  });

  it.each(['no such account', 'wrong password', 'pässwörd'])('refuses: %s', async (what) => {
    const wrong = what === 'no such account' ? { username: 'nobody' } : { password: new Secret(what) };
    const error = await connect(wrong).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'BridgeError', code: 'authentication-failed' });
    expect(String(error)).not.toContain('pässwörd');
  });

  it('refuses a connection without an account as an anonymous one', async () => {
    const { username: _, password: __, ...anonymous } = endpoint();
    await expect(connectAmqp(anonymous, forever())).rejects.toMatchObject({ code: 'authentication-failed' });
  });

  it('says which type to write when the broker is of another one', async () => {
    await expect(connect({ brokerType: otherType })).rejects.toMatchObject({
      code: 'wrong-broker',
      message: expect.stringContaining(`type: ${rightType}`),
    });
  });

  it('says that nobody listens, and stops at once when it is told to', async () => {
    await expect(connect({ port: 1 })).rejects.toMatchObject({ code: 'connection-failed' });
    const stop = new AbortController();
    const connecting = connectAmqp(endpoint(), stop.signal);
    stop.abort();
    await expect(connecting).rejects.toMatchObject({ code: 'connection-failed' });
  });

  it('notices a silent broker, and rejects a send that gets no answer', async () => {
    const connection = await connect({ idleTimeout: 2_000 });
    const sink = await connection.sink({ window: 10, sendTimeout: 500 });
    await bench.broker.pause();
    try {
      await expect(sink.send(message(queue(), 'x'))).rejects.toMatchObject({ code: 'send-timeout' });
      expect(await connection.lost).toMatchObject({ code: 'connection-lost' });
    } finally {
      await bench.broker.resume();
    }
  });

  it('uses a new session after a send without an answer, and sends again', async () => {
    const connection = await connect();
    const sink = await connection.sink({ window: 10, sendTimeout: 1_000 });
    await bench.broker.pause();
    const lost = [1, 2, 3].map((n) => sink.send(message(queue(), String(n))));
    const outcomes = await Promise.allSettled(lost);
    await bench.broker.resume();
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'send-timeout' } });
    const to = queue();
    await eventually(() => sink.send(message(to, 'after')).then(() => true));
  });

  it('rejects each pending send when the broker dies', async () => {
    const connection = await connect();
    const sink = await connection.sink({ window: 50, sendTimeout: 20_000 });
    const to = queue();
    await sink.send(message(to, 'before'));
    await bench.broker.pause();
    const sends = Array.from({ length: 120 }, (_, index) => sink.send(message(to, String(index))));
    const outcomes = Promise.allSettled(sends);
    await bench.broker.kill();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'connection-lost', transient: true },
      });
    expect((await connection.lost).code).toBe('connection-lost');
    await expect(sink.send(message(to, 'late'))).rejects.toMatchObject({ code: 'connection-lost' });
    await bench.broker.restart();
    const inbox = await receive(from(to));
    inbox.source.grant(1);
    const [delivery] = await inbox.take(1);
    expect(delivery?.message.body).toBe('before');
  });
});

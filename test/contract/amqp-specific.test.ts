import { describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Delivery } from '../../bridge/connectors/connector.js';
import type { PropertyValue } from '../../bridge/message/message.js';
import { Secret } from '../../bridge/secret.js';
import { startArtemis, startClassic } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { describeJms } from './jms-cases.js';
import { forever, from, jmsWorkbench, message, queue, topic } from './jms-workbench.js';

const BROKERS = [
  { name: 'ActiveMQ Classic', start: startClassic, rightType: 'activemq' },
  { name: 'ActiveMQ Artemis', start: startArtemis, rightType: 'artemis' },
] as const;

describe.each(BROKERS)('AMQP on $name', ({ start, rightType }) => {
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

  it('goes on with one place left, while all others are taken for long', async () => {
    const window = 40;
    const count = 2 * window;
    const to = queue();
    const sink = await sinkOf();
    const bodies = Array.from({ length: count }, (_, index) => String(index));
    await Promise.all(bodies.map((body) => sink.send(message(to, body, { persistent: false }))));
    const held: Delivery[] = [];
    let settled = 0;
    const source = await (await connect()).source(from(to), (delivery) => {
      if (held.length < window - 1) {
        held.push(delivery);
        return;
      }
      settled++;
      delivery.settle('accepted');
      source.grant(1);
    });
    source.grant(window);
    await eventually(() => settled + held.length === count);
    for (const delivery of held) delivery.settle('accepted');
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

  it('says that nobody listens, and stops at once when it is told to', async () => {
    await expect(connect({ port: 1 })).rejects.toMatchObject({ code: 'connection-failed' });
    const stop = new AbortController();
    const connecting = connectAmqp(endpoint(), stop.signal);
    stop.abort();
    await expect(connecting).rejects.toMatchObject({ code: 'connection-failed' });
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

  describeJms(bench);
});

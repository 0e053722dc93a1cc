import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { from, message, queue, topic, type Workbench, wildcard } from './jms-workbench.js';

const texts = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

/** What is the same over every protocol that reaches JMS queues and topics; beyond the contract that all connectors keep. Call it last. */
export function describeJms(bench: Workbench): void {
  const { connect, sinkOf, receive } = bench;

  it('gives a queue message to one consumer and a topic message to every subscriber', async () => {
    const [q, t] = [queue(), topic()];
    const sink = await sinkOf();
    const subscribers = [await receive(from(t)), await receive(from(t))];
    const consumers = [await receive(from(q)), await receive(from(q))];
    for (const { source } of [...subscribers, ...consumers]) source.grant(10);
    await Promise.all(texts(4).flatMap((body) => [sink.send(message(q, body)), sink.send(message(t, body))]));
    for (const subscriber of subscribers) {
      await subscriber.take(4);
      expect(subscriber.bodies()).toEqual(texts(4));
    }
    const got = await eventually(() => {
      const all = consumers.flatMap((consumer) => consumer.bodies());
      return all.length >= 4 ? all : undefined;
    });
    expect(got.toSorted()).toEqual(texts(4));
  });

  it('takes a wildcard subscription and tells the concrete name of each message', async () => {
    const base = `test.${uniqueName('w')}`;
    const [one, rest] = [await receive(wildcard(base, 'one')), await receive(wildcard(base, 'rest'))];
    for (const { source } of [one, rest]) source.grant(10);
    const sink = await sinkOf();
    await sink.send(message(topic(`${base}.a.b`), 'deep'));
    await sink.send(message(topic(`${base}.a`), 'flat'));
    const names = async (inbox: typeof one, count: number) =>
      (await inbox.take(count)).map(({ message: { address } }) => address.name);
    expect(await names(rest, 2)).toEqual([`${base}.a.b`, `${base}.a`]);
    expect(await names(one, 1)).toEqual([`${base}.a`]);
  });

  it('takes the messages of queues by a pattern on Classic, and gets copies of them on Artemis', async () => {
    const base = `test.${uniqueName('w')}`;
    const one = queue(`${base}.one`);
    const sink = await sinkOf();
    const { connection, source, take, bodies } = await receive(wildcard(base, 'one', 'queue'));
    source.grant(10);
    await sink.send(message(one, 'first'));
    await sink.send(message(queue(`${base}.two`), 'second'));
    const deliveries = await take(2);
    expect(bodies()).toEqual(['first', 'second']);
    expect(deliveries[0]?.message.address).toEqual(one);
    for (const delivery of deliveries) delivery.settle('accepted');
    await connection.close();
    await sink.send(message(one, 'last'));
    const later = await receive(from(one));
    later.source.grant(10);
    await later.take(1);
    expect(later.bodies()[0]).toBe(bench.broker.type === 'artemis' ? 'first' : 'last');
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

  it('confirms a second message with the same duplicate id, which the broker drops where it can', async () => {
    const to = queue();
    const sink = await sinkOf();
    const send = (body: string, duplicateId?: string) =>
      sink.send(message(to, body, duplicateId === undefined ? {} : { duplicateId }));
    // All at once: over STOMP they are one transaction.
    await Promise.all([send('1', 'a'), send('2', 'b'), send('again', 'a'), send('3'), send('4')]);
    await Promise.all([send('again', 'b'), send('5', 'c')]);
    await send('again', 'c');
    await send('end');
    const inbox = await receive(from(to));
    inbox.source.grant(20);
    await eventually(() => inbox.bodies().includes('end'));
    const repeated = inbox.bodies().filter((body) => body === 'again');
    expect(inbox.bodies().filter((body) => body !== 'again')).toEqual(['1', '2', '3', '4', '5', 'end']);
    expect(repeated).toHaveLength(bench.dropsDuplicates ? 0 : 3);
  });

  it('tells what is left of a time to live, and nothing where there is none', async () => {
    const to = queue();
    const sink = await sinkOf();
    await sink.send(message(to, 'a minute', { ttl: 60_000 }));
    await sink.send(message(to, 'for ever'));
    const inbox = await receive(from(to));
    inbox.source.grant(1);
    const [first] = await inbox.take(1);
    // Over STOMP it is here by now and waits for credit.
    await sink.send(message(to, 'round trip'));
    inbox.source.grant(1);
    const [, second] = await inbox.take(2);
    expect(first?.message.ttl).toBeGreaterThan(30_000);
    expect(first?.message.ttl).toBeLessThanOrEqual(60_000);
    expect(second?.message).not.toHaveProperty('ttl');
  });

  it('refuses a name that the broker would take apart, and the sink goes on', async () => {
    const sink = await sinkOf();
    for (const name of ['', 'a\nb', 'a\0b', bench.broker.type === 'activemq' ? 'a,b' : 'a::b'])
      await expect(sink.send(message(queue(name), 'x'))).rejects.toMatchObject({
        code: 'destination-refused',
        transient: false,
      });
    await sink.send(message(queue(), 'after'));
  });

  it('hands over no more than its credit, and nothing after it was stopped', async () => {
    const to = queue();
    const sink = await sinkOf();
    await Promise.all(texts(50).map((body) => sink.send(message(to, body))));
    const inbox = await receive(from(to));
    inbox.source.grant(7);
    await inbox.take(7);
    await sink.send(message(to, 'round trip'));
    expect(inbox.deliveries).toHaveLength(7);
    await inbox.source.stop();
    inbox.source.grant(10);
    for (const delivery of inbox.deliveries) delivery.settle('accepted');
    await inbox.connection.close();
    const next = await receive(from(to));
    next.source.grant(100);
    await next.take(44);
    await sink.send(message(to, 'last'));
    await next.take(45);
    expect(inbox.deliveries).toHaveLength(7);
    // In any order: Artemis may hand over a newer message before those that it takes back from a closed connection (2.40.0).
    expect([...next.bodies()].sort()).toEqual([...texts(50).slice(7), 'round trip', 'last'].sort());
  });

  it('says which type to write when the broker is of another one', async () => {
    await expect(
      connect({ brokerType: bench.broker.type === 'activemq' ? 'artemis' : 'activemq' }),
    ).rejects.toMatchObject({
      code: 'wrong-broker',
      message: expect.stringContaining(`type: ${bench.broker.type}`),
    });
  });

  it('notices a silent broker, and rejects a send that gets no answer', async () => {
    const connection = await connect({ idleTimeout: 2_000 });
    const sink = await connection.sink({ window: 10, sendTimeout: 500 });
    await bench.broker.pause();
    try {
      await expect(sink.send(message(queue(), 'x'))).rejects.toMatchObject({ code: 'send-timeout' });
      expect(await connection.lost).toMatchObject({ code: 'connection-lost' });
    } finally {
      bench.broker.resume();
    }
  });

  // Last: the broker comes back on the same ports, but every connection before is gone.
  it('rejects each pending send when the broker dies', async () => {
    const connection = await connect();
    const sink = await connection.sink({ window: 50, sendTimeout: 20_000 });
    const to = queue();
    await sink.send(message(to, 'before'));
    await bench.broker.pause();
    const outcomes = Promise.allSettled(texts(120).map((body) => sink.send(message(to, body))));
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
}

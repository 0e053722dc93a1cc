import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Endpoint } from '../../bridge/connectors/connector.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import type { BridgeError } from '../../bridge/errors.js';
import type { OutboundMessage, PropertyValue } from '../../bridge/message/message.js';
import { startArtemis, startClassic } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { describeJms } from './jms-cases.js';
import { forever, from, jmsWorkbench, message, queue, topic } from './jms-workbench.js';

const BROKERS = [
  { name: 'ActiveMQ Classic', start: startClassic, rightType: 'activemq' },
  { name: 'ActiveMQ Artemis', start: startArtemis, rightType: 'artemis' },
] as const;

const texts = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

/** A way to the broker on which everything that the bridge sends can be read. */
async function tapInto(port: number) {
  let sent = '';
  const sockets: Socket[] = [];
  const server = createServer((bridge) => {
    const broker = dial({ host: '127.0.0.1', port, noDelay: true });
    bridge.setEncoding('latin1').on('data', (text) => {
      sent += text;
    });
    bridge.pipe(broker).pipe(bridge);
    for (const socket of [bridge, broker]) sockets.push(socket.on('error', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => sent,
    /** The commands of the frames so far. */
    frames: () => sent.split('\0').flatMap((frame) => frame.match(/^\n*([A-Z]+)\n/)?.[1] ?? []),
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe.each(BROKERS)('STOMP on $name', ({ start, rightType }) => {
  const bench = jmsWorkbench('stomp', connectStomp, start, { writable: 'test' });
  const { endpoint, connect, sinkOf, receive } = bench;

  it('carries JMS headers, text and bytes', async () => {
    const to = queue();
    const headers = { correlationId: 'c:1', type: 'greeting', priority: 7 };
    const replyTo = topic('answers');
    const sink = await sinkOf();
    await sink.send(message(to, 'größe 😀', { ...headers, replyTo, ttl: 60_000, group: 'g' }));
    await sink.send(message(to, Buffer.from([0, 1, 255]), { priority: 7, group: 'g' }));
    const inbox = await receive(from(to));
    inbox.source.grant(2);
    const [first, second] = await inbox.take(2);
    expect(first?.message).toMatchObject({ body: 'größe 😀', persistent: true, ...headers });
    expect(first?.message.timestamp).toBeGreaterThan(0);
    expect(second?.message.body).toEqual(Buffer.from([0, 1, 255]));
  });

  it('lets the broker select', async () => {
    const to = queue();
    const sink = await sinkOf();
    const kinds = ['a', 'b', 'a', 'b'];
    for (const [index, kind] of kinds.entries())
      await sink.send(message(to, String(index), { properties: new Map([['kind', kind]]) }));
    const inbox = await receive(from(to, { selector: "kind = 'b'" }));
    inbox.source.grant(10);
    await inbox.take(2);
    expect(inbox.bodies()).toEqual(['1', '3']);
  });

  it('says that a selector was refused', async () => {
    const connection = await connect();
    await expect(connection.source(from(queue(), { selector: 'n >' }), () => {})).rejects.toMatchObject({
      code: 'subscription-refused',
    });
  });

  it('confirms what it sends in transactions, in order, with a small window and a large one', async () => {
    for (const window of [3, 10_000]) {
      const to = queue();
      const sink = await sinkOf(window);
      const bodies = texts(2_000);
      await Promise.all(bodies.map((body) => sink.send(message(to, body))));
      const received: unknown[] = [];
      const source = await (await connect()).source(from(to), (delivery) => {
        received.push(delivery.message.body);
        delivery.settle('accepted');
      });
      source.grant(bodies.length);
      await eventually(() => received.length === bodies.length);
      expect(received).toEqual(bodies);
    }
  });

  it('sends what comes together in one transaction, and a lone message at once without one', async () => {
    const tap = await tapInto(bench.broker.ports.stomp ?? 0);
    const connection = await connect({ port: tap.port });
    const sink = await connection.sink({ window: 500, sendTimeout: 20_000 });
    const to = queue();
    await sink.send(message(to, 'alone'));
    expect(tap.frames()).toEqual(['CONNECT', 'SEND']);
    await Promise.all(texts(100).map((body) => sink.send(message(to, body))));
    const [, , ...batched] = tap.frames();
    expect(batched.filter((command) => command === 'SEND')).toHaveLength(100);
    const transactions = batched.filter((command) => command === 'BEGIN').length;
    expect(transactions).toBeGreaterThan(0);
    expect(transactions).toBeLessThan(10);
    expect(batched.filter((command) => command === 'COMMIT')).toHaveLength(transactions);
    tap.close();
  });

  it('asks for no more ahead than is wanted', async () => {
    const tap = await tapInto(bench.broker.ports.stomp ?? 0);
    const connection = await connect({ port: tap.port });
    await connection.source(from(queue(), { window: 7 }), () => {});
    expect(tap.sent()).toMatch(
      rightType === 'activemq' ? /\nactivemq\.prefetchSize:7\n/ : /\nconsumer-window-size:7168\n/,
    );
    tap.close();
  });

  it('refuses for good the one message whose destination the account may not send to', async () => {
    const sink = await sinkOf();
    // With what would mean a full destination in the broker's words, and a text that is not for logs.
    const properties = new Map([['note', 'Usage Manager limit, is full, AMQ229102']]);
    const send = sink.send(message(queue(uniqueName('refused.limit')), 'private', { properties }));
    await expect(send).rejects.toMatchObject({
      // Artemis does not say why.
      code: rightType === 'activemq' ? 'destination-refused' : 'message-refused',
      transient: false,
      message: expect.not.stringMatching(/Usage Manager|private/),
    });
  });

  it('asks for each message of a refused batch alone, and keeps none of it', async () => {
    const to = queue();
    const sink = await sinkOf();
    const outcomes = await Promise.allSettled([
      sink.send(message(to, 'before')),
      sink.send(message(queue(uniqueName('refused')), 'x')),
      sink.send(message(to, 'behind')),
    ]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'batch-refused', transient: true },
      });
    await (await sinkOf()).send(message(to, 'later'));
    const inbox = await receive(from(to));
    inbox.source.grant(10);
    await inbox.take(1);
    expect(inbox.bodies()).toEqual(['later']);
  });

  it('lets no text of a message become a header or a frame of its own', async () => {
    const [to, other] = [queue(), queue()];
    const frame = `hello\0\nSEND\ndestination:/queue/${other.name}\n\nowned\0`;
    const properties = new Map<string, PropertyValue>([
      ['note', `x\r\npersistent:false\n\nhello\n\nSEND\ndestination:/queue/${other.name}\n\nowned`],
      // Classic would show Java the escapes.
      ...(rightType === 'artemis' ? [['a\nreceipt:1\nb', 'key'] as const] : []),
      ['destination', `/queue/${other.name}`],
      ['content-length', '1'],
      ['receipt', 'r1'],
      ['expires', '1'],
    ]);
    const sink = await sinkOf();
    await sink.send(message(to, Buffer.from(frame), { properties }));
    const inbox = await receive(from(to));
    inbox.source.grant(10);
    const [delivery] = await inbox.take(1);
    expect(delivery?.message.body).toEqual(Buffer.from(frame));
    expect(delivery?.message.persistent).toBe(true);
    const kept = [...properties].filter(([name]) => /^note$|\n/.test(name));
    for (const [name, value] of kept) expect(delivery?.message.properties.get(name)).toBe(value);
    await sink.send(message(other, 'mine'));
    const owned = await receive(from(other));
    owned.source.grant(10);
    await owned.take(1);
    expect(owned.bodies()).toEqual(['mine']);
  });

  it('takes in what ends the process or the connection of plain stompit', async () => {
    const to = queue();
    const properties = new Map<string, PropertyValue>([
      ['hasOwnProperty', 'x'],
      ['toString', 'y'],
      ['long', 'ü'.repeat(2_000)],
      ...Array.from({ length: 200 }, (_, index): [string, string] => [`p${index}`, 'v']),
    ]);
    const sink = await sinkOf();
    await sink.send(message(to, 'many', { properties }));
    const inbox = await receive(from(to));
    inbox.source.grant(10);
    const [many] = await inbox.take(1);
    const got = new Map([...(many?.message.properties ?? [])].filter(([name]) => properties.has(name)));
    expect(got).toEqual(properties);
  });

  const sendOverAmqp = async (...messages: OutboundMessage[]) => {
    const amqp = await connectAmqp(endpointOf(bench.broker, 'amqp'), forever());
    const sink = await amqp.sink({ window: 1, sendTimeout: 20_000 });
    for (const one of messages) await sink.send(one);
    await amqp.close();
  };

  it.runIf(rightType === 'activemq')(
    'says what to do about a message that it cannot acknowledge',
    async () => {
      const to = queue();
      await sendOverAmqp(message(to, 'x'));
      const inbox = await receive(from(to));
      inbox.source.grant(10);
      expect(await inbox.connection.lost).toMatchObject({
        code: 'connection-lost',
        message: expect.stringContaining('read it `via: amqp`'),
      });
      expect(inbox.deliveries).toHaveLength(0);
    },
  );

  it.runIf(rightType === 'artemis')('is not misled by what a property of a sender is called', async () => {
    const to = queue();
    const properties = new Map<string, PropertyValue>([
      ['destination', '/queue/elsewhere'],
      ['subscription', 's99'],
      ['ack', 'none'],
    ]);
    await sendOverAmqp(message(to, 'x', { properties }));
    const inbox = await receive(from(to));
    inbox.source.grant(10);
    const [delivery] = await inbox.take(1);
    expect(delivery?.message.address).toEqual(to);
    delivery?.settle('accepted');
    await inbox.source.stop();
    await inbox.connection.close();
    const next = await receive(from(to));
    next.source.grant(10);
    await (await sinkOf()).send(message(to, 'after'));
    await next.take(1);
    expect(next.bodies()).toEqual(['after']);
  });

  it('stops connecting when it is told to, and gives up on a peer that says nothing', async () => {
    const mute = createServer(() => {});
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const stop = new AbortController();
    const stopped = connectStomp(endpoint({ port }), stop.signal);
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'connection-failed' });
    await expect(connectStomp(endpoint({ port, connectTimeout: 100 }), forever())).rejects.toMatchObject({
      code: 'connection-failed',
    });
    mute.close();
  });

  describeJms(bench);
});

describe('STOMP from a broker that misbehaves', () => {
  const CONNECTED = 'CONNECTED\nversion:1.2\nserver:ActiveMQ/6.1.8\nheart-beat:0,0\n\n\0';

  const oddEndpoint = (port: number): Endpoint => ({
    broker: 'odd',
    brokerType: 'activemq',
    protocol: 'stomp',
    host: '127.0.0.1',
    port,
    clientId: uniqueName('client'),
    cleanSession: true,
    connectTimeout: 5_000,
    idleTimeout: 500,
  });

  /** A peer that answers CONNECT with these bytes, and says more when it is told to. */
  async function peer(answer: string) {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', () => socket.write(answer));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      connect: () => connectStomp(oddEndpoint(port), forever()),
      say: (bytes: string) => sockets[0]?.write(bytes),
      close: () => server.close(),
    };
  }

  const BROKEN: [what: string, bytes: string][] = [
    ['an ERROR with a text body', 'ERROR\ncontent-type:text/plain\ncontent-length:5\nmessage:no\n\nwords\0'],
    ['a content-length below zero', 'MESSAGE\ncontent-length:-1\nsubscription:s1\n\nx\0'],
    ['an escape that does not exist', 'MESSAGE\na:\\t\nsubscription:s1\n\nx\0'],
    ['a header without a colon', 'MESSAGE\nnothing\n\n\0'],
    ['a header line without end', `MESSAGE\na:${'x'.repeat(2 * 1024 * 1024)}`],
    ['a body that never ends', 'MESSAGE\ncontent-length:1000\nsubscription:s1\n\nx\0'],
    ['a body that does not end where it says', 'MESSAGE\ncontent-length:1\nsubscription:s1\n\nxyz\0'],
  ];

  it('takes no frame for one of its subscription that the broker did not make', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      let sent = '';
      socket.on('data', (bytes) => {
        sent += bytes.toString();
        if (sent.startsWith('CONNECT\n')) {
          sent = '';
          socket.write(CONNECTED);
        }
        const [, id, receipt] = /^SUBSCRIBE\nid:(.*)\n[\s\S]*\nreceipt:(.*)\n/m.exec(sent) ?? [];
        if (id === undefined) return;
        sent = '';
        // As Classic writes a message with a property named "x\n\n\0MESSAGE\nsubscription:…".
        const forged = ['s1', 's0', '1', 'undefined', ''].map(
          (guess) => `MESSAGE\nsubscription:${guess}\nack:1\n\nforged\0`,
        );
        const genuine = `MESSAGE\nsubscription:${id}\nack:1\n\ngenuine\0`;
        socket.write(`RECEIPT\nreceipt-id:${receipt}\n\n\0${forged.join('')}${genuine}`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = await connectStomp(oddEndpoint((server.address() as AddressInfo).port), forever());
    const bodies: unknown[] = [];
    const source = await connection.source(from(queue()), ({ message: { body } }) => bodies.push(body));
    source.grant(10);
    await eventually(() => bodies.length > 0);
    expect(bodies).toEqual(['genuine']);
    for (const socket of sockets) socket.destroy();
    await connection.close();
    server.close();
  });

  it.each(BROKEN)('ends the connection, and nothing else, on %s', async (_, bytes) => {
    const odd = await peer(CONNECTED);
    const connection = await odd.connect();
    odd.say(bytes);
    expect(await connection.lost).toMatchObject({ code: 'connection-lost' });
    await connection.close();
    odd.close();
  });

  it.each(['a:\\t', 'nothing'])('says what to do about a header like %s', async (header) => {
    const odd = await peer(CONNECTED);
    const connection = await odd.connect();
    odd.say(`MESSAGE\n${header}\nsubscription:s1\n\nx\0`);
    expect((await connection.lost).message).toMatch(
      /a header that STOMP 1\.2 does not know; .* `via: amqp`$/,
    );
    odd.close();
  });

  it.each(BROKEN)('ends the connection, and nothing else, on a welcome with %s', async (_, bytes) => {
    const odd = await peer(CONNECTED + bytes);
    const outcome = await odd.connect().then(
      async (connection) => (await connection.lost).code,
      (error: BridgeError) => error.code,
    );
    expect(outcome).toMatch(/^connection-(lost|failed)$/);
    odd.close();
  });

  it.each(['1.0', '1.1'])('does not take a session of version %s', async (version) => {
    const old = await peer(CONNECTED.replace('1.2', version));
    await expect(old.connect()).rejects.toMatchObject({
      code: 'wrong-broker',
      message: expect.stringContaining(`speaks STOMP ${version}; this needs 1.2`),
    });
    old.close();
  });
});

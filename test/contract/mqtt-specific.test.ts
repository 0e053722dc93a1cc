import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type {
  Connection,
  Delivery,
  Endpoint,
  MqttVersion,
  Source,
} from '../../bridge/connectors/connector.js';
import { connectMqtt } from '../../bridge/connectors/mqtt/connect.js';
import type { OutboundMessage, Qos } from '../../bridge/message/message.js';
import { Secret } from '../../bridge/secret.js';
import { startArtemis, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { outbound } from './suite.js';

const BROKERS = [
  { name: 'ActiveMQ Classic', start: startClassic, mqttVersion: '3.1.1' },
  { name: 'ActiveMQ Artemis', start: startArtemis, mqttVersion: '3.1.1' },
  { name: 'ActiveMQ Artemis', start: startArtemis, mqttVersion: 5 },
  { name: 'Mosquitto', start: startMosquitto, mqttVersion: '3.1.1' },
  { name: 'Mosquitto', start: startMosquitto, mqttVersion: 5 },
] as const;

const forever = () => new AbortController().signal;
const texts = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

/** A way to the broker on which every packet can be seen, and which can be cut. */
interface Tap {
  readonly port: number;
  /** Packets, each with its direction, in the order in which they passed. */
  readonly seen: { readonly from: 'bridge' | 'broker'; readonly packet: Packet }[];
  count(from: 'bridge' | 'broker', cmd: Packet['cmd']): number;
  cut(): void;
  close(): void;
}

async function tapInto(port: number, mqttVersion: MqttVersion): Promise<Tap> {
  const seen: Tap['seen'] = [];
  const sockets = new Set<Socket>();
  const watch = (from: 'bridge' | 'broker', socket: Socket, other: Socket) => {
    const parser = mqttPacket.parser({ protocolVersion: mqttVersion === 5 ? 5 : 4 });
    parser.on('packet', (packet) => seen.push({ from, packet }));
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('error', () => other.destroy());
    socket.pipe(other);
    sockets.add(socket);
  };
  const server: Server = createServer((bridge) => {
    const broker = dial({ host: '127.0.0.1', port, noDelay: true });
    watch('bridge', bridge, broker);
    watch('broker', broker, bridge);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    count: (from, cmd) => seen.filter((one) => one.from === from && one.packet.cmd === cmd).length,
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}

describe.each(BROKERS)('the MQTT connector with $name, MQTT $mqttVersion', ({ name, start, mqttVersion }) => {
  let broker: TestBroker;
  const cleanUp: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    broker = await start();
  });
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  });
  afterAll(() => broker.stop());

  const open = async (more: Partial<Endpoint> = {}): Promise<Connection> => {
    const endpoint = { ...endpointOf(broker, 'mqtt'), mqttVersion, clientId: uniqueName('client'), ...more };
    const connection = await connectMqtt(endpoint, forever());
    cleanUp.push(() => connection.close());
    return connection;
  };
  const tapped = async (): Promise<Tap> => {
    const tap = await tapInto(broker.ports.mqtt, mqttVersion);
    cleanUp.push(() => tap.close());
    return tap;
  };
  const receive = async (topic: string, more: Partial<Endpoint> = {}, qos: Qos = 1) => {
    const connection = await open(more);
    const deliveries: Delivery[] = [];
    const levels = topic.split('/').map((literal) => ({ literal }));
    const source: Source = await connection.source(
      { kind: 'mqtt', subscriptions: [{ pattern: { kind: 'mqtt', levels }, qos }] },
      (delivery) => deliveries.push(delivery),
    );
    const bodies = () => deliveries.map(({ message }) => String(message.body));
    const take = (count: number) =>
      eventually(() => (deliveries.length >= count ? deliveries.slice(0, count) : undefined));
    return { connection, source, deliveries, bodies, take };
  };
  const send = async (topic: string, bodies: readonly string[], more: Partial<OutboundMessage> = {}) => {
    const connection = await open({ cleanSession: true });
    const sink = await connection.sink({ sendTimeout: 20_000, window: 100 });
    await Promise.all(
      bodies.map((body) => sink.send({ ...outbound({ kind: 'mqtt', name: topic }, body), ...more })),
    );
  };
  const topicName = () => `specific/${uniqueName('t')}`;
  /** What the broker itself leaves unacknowledged: 20 is Mosquitto's default. */
  const window = name === 'Mosquitto' ? 20 : 60;

  it('reads on while it holds acknowledgements, and lets them leave in arrival order', async () => {
    const tap = await tapped();
    const topic = topicName();
    const inbox = await receive(topic, { port: tap.port, idleTimeout: 1_500 });
    inbox.source.grant(1_000);
    await send(topic, texts(window));
    const deliveries = await inbox.take(window);
    expect(tap.count('bridge', 'puback')).toBe(0);
    const [first, ...others] = deliveries;
    for (const delivery of others.reverse()) delivery.settle('accepted');
    // A round trip on the same connection: an early PUBACK would have been seen before it.
    const before = tap.count('broker', 'pingresp');
    await eventually(() => tap.count('broker', 'pingresp') > before);
    expect(tap.count('bridge', 'puback')).toBe(0);
    first?.settle('accepted');
    await eventually(() => tap.count('bridge', 'puback') === window);
    const ids = (from: string, cmd: string) =>
      tap.seen
        .filter((one) => one.from === from && one.packet.cmd === cmd)
        .map(({ packet }) => packet.messageId);
    expect(ids('bridge', 'puback')).toEqual(ids('broker', 'publish'));
  });

  it('keeps the connection while it has no credit, and loses nothing meanwhile', async () => {
    const tap = await tapped();
    const topic = topicName();
    const inbox = await receive(topic, { port: tap.port, idleTimeout: 1_500 });
    await send(topic, texts(10));
    // 1 s of keep-alive: without a sign of life either side would give up after 1.5 s.
    await eventually(() => tap.count('broker', 'pingresp') >= 5);
    expect(inbox.deliveries).toHaveLength(0);
    inbox.source.grant(4);
    await inbox.take(4);
    const before = tap.count('broker', 'pingresp');
    await eventually(() => tap.count('broker', 'pingresp') >= before + 3);
    expect(inbox.bodies()).toEqual(texts(4));
    inbox.source.grant(6);
    await inbox.take(10);
    expect(inbox.bodies()).toEqual(texts(10));
  });

  it('hands over no more than may come twice: an acknowledgement that waits behind an older one counts', async () => {
    const tap = await tapped();
    const topic = topicName();
    const inbox = await receive(topic, { port: tap.port, idleTimeout: 1_500 });
    inbox.source.grant(3);
    await send(topic, texts(6));
    const [first, ...others] = await inbox.take(3);
    for (const delivery of others) delivery.settle('accepted');
    inbox.source.grant(2);
    const before = tap.count('broker', 'pingresp');
    await eventually(() => tap.count('broker', 'pingresp') >= before + 2);
    expect(inbox.bodies()).toEqual(texts(3));
    first?.settle('accepted');
    await inbox.take(5);
    inbox.source.grant(1);
    await inbox.take(6);
    expect(inbox.bodies()).toEqual(texts(6));
  });

  it.each([0, 1, 2] as const)('carries QoS %i both ways', async (qos) => {
    const topic = topicName();
    const inbox = await receive(topic, {}, qos);
    inbox.source.grant(100);
    await send(topic, texts(10), { qos });
    const deliveries = await inbox.take(10);
    expect(inbox.bodies()).toEqual(texts(10));
    for (const { message } of deliveries)
      expect(message).toMatchObject({ qos, persistent: qos > 0, retained: false });
    for (const delivery of deliveries) delivery.settle('accepted');
  });

  it('answers QoS 2 with PUBREC when it is settled, and completes it', async () => {
    const tap = await tapped();
    const topic = topicName();
    const inbox = await receive(topic, { port: tap.port }, 2);
    inbox.source.grant(100);
    await send(topic, texts(10), { qos: 2 });
    const deliveries = await inbox.take(10);
    expect(tap.count('bridge', 'pubrec')).toBe(0);
    for (const delivery of deliveries) delivery.settle('accepted');
    await eventually(() => tap.count('bridge', 'pubcomp') === 10);
    expect(tap.count('bridge', 'pubrec')).toBe(10);
    expect(inbox.deliveries).toHaveLength(10);
  });

  it.each([1, 2] as const)(
    'gets a QoS %i message again that was cut off before it was settled',
    async (qos) => {
      const tap = await tapped();
      const topic = topicName();
      const clientId = uniqueName('durable');
      const inbox = await receive(topic, { port: tap.port, clientId }, qos);
      inbox.source.grant(100);
      await send(topic, texts(3), { qos });
      const [first, second] = await inbox.take(3);
      first?.settle('accepted');
      if (qos === 1) await eventually(() => tap.count('bridge', 'puback') === 1);
      else await eventually(() => tap.count('bridge', 'pubcomp') === 1);
      // Another message's way through the whole broker: time enough to work off the acknowledgement.
      await send(topicName(), ['later']);
      tap.cut();
      expect(await inbox.connection.lost).toMatchObject({ code: 'connection-lost' });
      second?.settle('accepted');
      const again = await receive(topic, { clientId }, qos);
      again.source.grant(100);
      await send(topic, ['last'], { qos });
      const all = await eventually(() => (again.bodies().includes('last') ? again.deliveries : undefined));
      expect(again.bodies()).toEqual(['m1', 'm2', 'last']);
      for (const delivery of all) delivery.settle('accepted');
    },
  );

  it('keeps for a durable session what is published while it is away', async () => {
    const topic = topicName();
    const clientId = uniqueName('durable');
    await (await receive(topic, { clientId })).connection.close();
    await send(topic, texts(15));
    const inbox = await receive(topic, { clientId });
    inbox.source.grant(100);
    await inbox.take(15);
    expect(inbox.bodies()).toEqual(texts(15));
  });

  it('marks what the broker retained', async () => {
    const topic = topicName();
    await send(topic, ['state'], { retain: true });
    const inbox = await receive(topic);
    inbox.source.grant(1);
    const [delivery] = await inbox.take(1);
    expect(delivery?.message).toMatchObject({ retained: true });
    delivery?.settle('accepted');
  });

  it('ends the connection for a released message, after the acknowledgements before it', async () => {
    const topic = topicName();
    const clientId = uniqueName('durable');
    const inbox = await receive(topic, { clientId });
    inbox.source.grant(10);
    await send(topic, texts(3));
    const [first, second] = await inbox.take(3);
    first?.settle('accepted');
    second?.settle('released');
    expect(await inbox.connection.lost).toMatchObject({ code: 'connection-lost' });
    const again = await receive(topic, { clientId });
    again.source.grant(10);
    await again.take(2);
    expect(again.bodies()).toEqual(['m1', 'm2']);
  });

  it('keeps the order of each topic while many have messages on their way', async () => {
    const topics = [topicName(), topicName(), topicName()];
    const inboxes = await Promise.all(topics.map((topic) => receive(topic)));
    for (const { source } of inboxes) source.grant(1_000);
    const connection = await open({ cleanSession: true });
    const sink = await connection.sink({ sendTimeout: 20_000, window: 100 });
    // Settled as they come, since Mosquitto hands over no more than 20 unacknowledged messages.
    const settling = inboxes.map(({ deliveries }) =>
      eventually(() => {
        for (const delivery of deliveries.filter((one) => !settled.has(one))) {
          settled.add(delivery);
          delivery.settle('accepted');
        }
        return deliveries.length === 200;
      }),
    );
    const settled = new Set<Delivery>();
    const bodies = texts(200);
    await Promise.all(
      bodies.flatMap((body) => topics.map((name) => sink.send(outbound({ kind: 'mqtt', name }, body)))),
    );
    await Promise.all(settling);
    for (const inbox of inboxes) expect(inbox.bodies()).toEqual(bodies);
  });

  it.runIf(name === 'ActiveMQ Artemis')(
    'has one unanswered publish a topic there, and many topics at once',
    async () => {
      const tap = await tapped();
      const connection = await open({ cleanSession: true, port: tap.port });
      const sink = await connection.sink({ sendTimeout: 20_000, window: 100 });
      const topics = [topicName(), topicName(), topicName()];
      const sends = texts(30).flatMap((body) =>
        topics.map((topic) => sink.send(outbound({ kind: 'mqtt', name: topic }, body))),
      );
      await Promise.all(sends);
      const unanswered = new Map<number | undefined, string>();
      let most = 0;
      for (const { from, packet } of tap.seen) {
        if (from === 'bridge' && packet.cmd === 'publish') {
          expect([...unanswered.values()]).not.toContain(packet.topic);
          unanswered.set(packet.messageId, packet.topic);
        } else if (from === 'broker' && packet.cmd === 'puback') unanswered.delete(packet.messageId);
        most = Math.max(most, unanswered.size);
      }
      expect(tap.count('bridge', 'publish')).toBe(90);
      expect(most).toBe(3);
    },
  );

  it('says that the password is wrong, without the password', async () => {
    const failure = open({ password: new Secret('wr0ng-pw') });
    await expect(failure).rejects.toMatchObject({ code: 'authentication-failed' });
    await expect(failure).rejects.not.toThrow(/wr0ng-pw/);
  });

  it.each(['', 'a/+', 'a/#', 'a\0b'])('refuses for good to publish to %j, and goes on', async (topic) => {
    const connection = await open({ cleanSession: true });
    const sink = await connection.sink({ sendTimeout: 20_000, window: 10 });
    const bad = sink.send(outbound({ kind: 'mqtt', name: topic }, 'x'));
    await expect(bad).rejects.toMatchObject({ code: 'destination-refused', transient: false });
    await sink.send(outbound({ kind: 'mqtt', name: topicName() }, 'x'));
  });

  it('is a source or a sink, never both', async () => {
    const topic = topicName();
    const inbox = await receive(topic);
    await expect(inbox.connection.sink({ sendTimeout: 1_000, window: 1 })).rejects.toThrow(/source/);
    const other = await open({ cleanSession: true });
    await other.sink({ sendTimeout: 1_000, window: 1 });
    await expect(other.source({ kind: 'mqtt', subscriptions: [] }, () => {})).rejects.toThrow(/sink/);
  });

  it('stops connecting when it is told to, and gives up on a peer that says nothing', async () => {
    const mute = createServer(() => {});
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    cleanUp.push(() => void mute.close());
    const { port } = mute.address() as AddressInfo;
    const endpoint = { ...endpointOf(broker, 'mqtt'), clientId: uniqueName('client'), port };
    const stop = new AbortController();
    const stopped = connectMqtt(endpoint, stop.signal);
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'connection-failed' });
    await expect(connectMqtt({ ...endpoint, connectTimeout: 100 }, forever())).rejects.toMatchObject({
      code: 'connection-failed',
      message: expect.stringContaining('100 ms'),
    });
  });

  it('times a send out, and ends when nothing can be sent any more', async () => {
    const connection = await open({ cleanSession: true, idleTimeout: 60_000 });
    const sink = await connection.sink({ sendTimeout: 300, window: 2 });
    await broker.pause();
    cleanUp.push(() => broker.resume());
    const sends = await Promise.allSettled(
      texts(3).map((text) => sink.send(outbound({ kind: 'mqtt', name: topicName() }, text))),
    );
    const codes = sends.map((one) => (one.status === 'rejected' ? one.reason.code : one.status));
    expect(codes.slice(0, 2)).toEqual(['send-timeout', 'send-timeout']);
    expect(await connection.lost).toMatchObject({ code: 'connection-lost' });
  });

  // Last: the broker comes back on the same ports, but every connection before is gone.
  it('rejects every pending send when the broker dies, and says so once', async () => {
    const connection = await open({ cleanSession: true });
    const sink = await connection.sink({ sendTimeout: 30_000, window: 5 });
    await broker.pause();
    const sends = texts(20).map((text) => sink.send(outbound({ kind: 'mqtt', name: topicName() }, text)));
    const settled = Promise.allSettled(sends);
    await broker.kill();
    for (const one of await settled)
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'connection-lost', transient: true } });
    expect(await connection.lost).toMatchObject({ code: 'connection-lost' });
    await broker.restart();
  });
});

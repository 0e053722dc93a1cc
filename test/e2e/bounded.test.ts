import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RouteStatus } from '../../bridge/status.js';
import { startBridgeOn, type TestBridge } from '../support/bridge.js';
import { smallQueue } from '../support/brokers/small-queue.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { type ChatMember, joinChat } from '../support/chat-member.js';
import { destinationsOf } from '../support/destinations.js';
import { eventually } from '../support/eventually.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { javaReceive } from '../support/java.js';
import { uniqueName } from '../support/names.js';

/** The frame type `attach` of AMQP 1.0 (Transport, 2.7.3) as a descriptor: one comes for each link. */
const ATTACH = Buffer.from([0x00, 0x53, 0x12]);

describe.each([
  { type: 'activemq', start: startClassic },
  { type: 'artemis', start: startArtemis },
] as const)('what a bridge holds on $type', ({ type, start }) => {
  let broker: TestBroker;
  let bridge: TestBridge;
  let proxy: FaultProxy;
  let ann: ChatMember;
  let links = 0;

  beforeAll(async () => {
    broker = await start({ edit: smallQueue[type]('full', 100_000) });
    proxy = await startFaultProxy(broker.ports.amqp ?? 0, (_connection, bytes) => {
      for (let at = bytes.indexOf(ATTACH); at >= 0; at = bytes.indexOf(ATTACH, at + 1)) links++;
    });
    ann = await joinChat(broker, 'ann');
  });
  afterEach(() => bridge?.end());
  afterAll(async () => {
    await ann?.leave();
    await proxy?.close();
    await broker?.stop();
  });

  const startOn = (routes: string) =>
    startBridgeOn(
      `version: 1
brokers:
  mq:
    type: ${type}
    mqtt: mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}
    amqp: amqp://127.0.0.1:${proxy.port}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: ${uniqueName('bounded')}
routes:
${routes}`,
      broker,
    );
  const route = (name: string): RouteStatus | undefined =>
    bridge.status().routes.find((one) => one.name === name);
  const publish = (topicOf: (n: number) => string, count: number, size = 0) =>
    Promise.all(
      Array.from({ length: count }, (_, n) => ann.publish(topicOf(n), String(n).padEnd(size, ' '))),
    );

  /** The texts that wait on a queue, in their order, as a JMS program reads them. */
  async function read(queue: string, count: number): Promise<(string | undefined)[]> {
    const url = `amqp://${broker.host}:${broker.ports.amqp}`;
    const receiver = await javaReceive({ client: 'qpid', url, account: broker.accounts.bob, queue, count });
    return (await receiver.messages).map(({ text, base64 }) =>
      (text ?? Buffer.from(base64 ?? '', 'base64').toString()).trim(),
    );
  }
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n));

  it('lets what has no room wait, while other routes go on, and loses none of it', async () => {
    const id = uniqueName('slow');
    bridge = await startOn(`  full: { from: { mqtt: "${id}/much" }, to: { queue: ${id}.full, via: amqp } }
  free: { from: { mqtt: "${id}/little" }, to: { queue: ${id}.free, via: amqp } }
`);
    await publish(() => `${id}/much`, 300, 1_000);
    await eventually(() => (route('full')?.retried ?? 0) > 0, 60_000);
    await publish(() => `${id}/little`, 300, 1_000);
    await eventually(() => route('free')?.delivered === 300);
    expect(route('full')?.delivered).toBeLessThan(300);
    expect(await read(`${id}.free`, 300)).toEqual(numbers(300));
    expect(await read(`${id}.full`, 300)).toEqual(numbers(300));
    expect(route('full')).toMatchObject({ deadLettered: 0, lost: 0 });
  });

  it('stops a flood of new names at limits.destinations, and says so', async () => {
    const id = uniqueName('flood');
    bridge = await startOn(`  flood:
    from: { mqtt: "${id}/{room}" }
    to: { queue: "${id}.out.{room}", via: amqp }
    limits: { destinations: 10 }
    deadLetter: ${id}.dead
`);
    await publish((n) => `${id}/room${n}`, 500);
    await publish(() => `${id}/room0`, 1);
    await eventually(() => route('flood')?.deadLettered === 490);
    await eventually(() => route('flood')?.delivered === 11);
    expect(route('flood')?.lastDeadLetter).toMatchObject({
      code: 'limit-exceeded',
      message: expect.stringContaining('one destination more than the 10 that limits.destinations'),
    });
    expect((await read(`${id}.dead`, 490)).toSorted()).toEqual(numbers(500).slice(10).toSorted());
    const made = (await destinationsOf(broker)).filter((name) => name.startsWith(`queue ${id}.out.`));
    expect(made).toHaveLength(10);
  });

  it('smooths a burst by limits.rate: all of it comes, in order', async () => {
    const id = uniqueName('burst');
    bridge = await startOn(`  burst:
    from: { mqtt: "${id}/in" }
    to: { queue: ${id}.out, via: amqp }
    limits: { rate: 100 }
`);
    await publish(() => `${id}/in`, 300);
    expect(await read(`${id}.out`, 300)).toEqual(numbers(300));
    // The broker's answer to the bridge may be later than the last message to its reader.
    await eventually(() => route('burst')?.inFlight === 0);
    expect(route('burst')).toMatchObject({ delivered: 300, deadLettered: 0, lost: 0 });
  });

  it('takes no link and no connection more for ten thousand rooms than for one', async () => {
    const id = uniqueName('rooms');
    bridge = await startOn(`  rooms:
    from: { mqtt: "${id}/in" }
    to: { topic: "${id}.out.{body}", via: amqp }
    orderBy: "{body}"
`);
    // All on one topic: ActiveMQ Classic needs 5 ms and more for each topic that a durable session takes in.
    await publish(() => `${id}/in`, 1);
    await eventually(() => route('rooms')?.delivered === 1);
    const [linksBefore, connections] = [links, bridge.status().connections.length];
    await publish(() => `${id}/in`, 10_000);
    await eventually(() => route('rooms')?.delivered === 10_001, 60_000);
    expect(links).toBe(linksBefore);
    expect(bridge.status().connections).toHaveLength(connections);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { message, queue } from '../contract/jms-workbench.js';
import { accountFor } from '../support/accounting.js';
import { startBridgeOn, type TestBridge } from '../support/bridge.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { uniqueName } from '../support/names.js';

const MESSAGES = 3_000;
const CUTS = 3;
const ROOMS = 4;

/** What is taken and sent over STOMP on one Classic changes place in one transaction: nothing comes twice there. */
describe('queue to queue on one Classic over STOMP', () => {
  let broker: TestBroker;
  let proxy: FaultProxy;
  let bridge: TestBridge | undefined;

  beforeAll(async () => {
    broker = await startClassic({ writable: 'test' });
    proxy = await startFaultProxy(broker.ports.stomp ?? 0);
  });
  afterEach(async () => {
    proxy.heal();
    await bridge?.end();
    bridge = undefined;
  });
  afterAll(async () => {
    await proxy.close();
    await broker.stop();
  });

  const mapping = (id: string, to: string, { deadLetter = `${id}.dead`, more = '' } = {}) => `version: 1
brokers:
  mq:
    type: activemq
    stomp: stomp://127.0.0.1:${proxy.port}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: ${id}
routes:
  move: { from: { queue: ${id}, via: stomp }, to: ${to}, deadLetter: ${deadLetter}${more} }
`;
  const status = () => bridge?.status().routes[0];
  const source = () => bridge?.status().connections.find(({ name }) => name.startsWith('move from'));

  async function fill(name: string, count: number, over: (n: number) => object = () => ({})) {
    const connection = await connectStomp(
      { ...endpointOf(broker, 'stomp'), clientId: uniqueName('producer') },
      new AbortController().signal,
    );
    const sink = await connection.sink({ window: 500, sendTimeout: 20_000 });
    const numbers = Array.from({ length: count }, (_, n) => n);
    await Promise.all(numbers.map((n) => sink.send(message(queue(name), JSON.stringify({ n, ...over(n) })))));
    await connection.close();
  }

  it.each([
    ['before it has reached the broker', 'toBroker'],
    ['before the broker has answered', 'toBridge'],
  ] as const)(
    'sends nothing twice although the connection ends in a transaction, %s',
    async (_, direction) => {
      const id = uniqueName('test.once');
      await fill(id, MESSAGES);
      bridge = await startBridgeOn(mapping(id, `{ queue: ${id}.out }`), broker);
      let before: { readonly since: string; readonly received: number } | undefined;
      for (let cut = 1; cut <= CUTS; cut++) {
        // Over the next connection: while the bridge connects, nothing can be under way.
        before = await eventually(() => {
          const { state, since } = source() ?? {};
          const { received } = status() ?? { received: 0 };
          const isNew = state === 'up' && since !== undefined && since !== before?.since;
          return isNew && received >= (before?.received ?? 0) + MESSAGES / 10 && { since, received };
        });
        // Until the bridge has sent what gets no further; or the broker has committed, and its answer gets no further.
        await eventually(() => {
          proxy.hang(direction);
          const isUnderWay = (status()?.inFlight ?? 0) > 0;
          // A connection that is being renewed must not stay hung.
          if (!isUnderWay) proxy.heal();
          return direction === 'toBridge' ? proxy.holds(direction, 'RECEIPT') : isUnderWay;
        });
        proxy.cut();
        proxy.heal();
      }
      const account = await accountFor(broker, `${id}.out`, { rooms: ROOMS, count: MESSAGES });
      expect({ ...account, arrived: account.arrived.size }).toEqual({
        arrived: MESSAGES,
        duplicates: 0,
        reordered: 0,
      });
      // Or no cut was within a transaction.
      if (direction === 'toBroker') expect(status()?.received).toBeGreaterThan(MESSAGES);
      else expect(status()?.delivered).toBeLessThan(MESSAGES);
    },
  );

  it('relieves the broker of the acknowledgements that it remembers, and nothing comes twice or out of order for that', async () => {
    const id = uniqueName('test.once');
    const count = 6 * 2_000;
    await fill(id, count);
    const taken = proxy.taken;
    // What the broker only sent ahead, nobody has seen.
    const unseen = `{ queue: ${id}.out }, where: "!message.redelivered"`;
    bridge = await startBridgeOn(mapping(id, unseen), broker);
    const account = await accountFor(broker, `${id}.out`, { rooms: ROOMS, count });
    expect({ ...account, arrived: account.arrived.size }).toEqual({
      arrived: count,
      duplicates: 0,
      reordered: 0,
    });
    // One for the source, as many for the lanes, and a new one for each 2,000.
    expect(proxy.taken - taken).toBeGreaterThanOrEqual(1 + 4 + 4);
    expect(source()).toMatchObject({ state: 'up', reconnects: 0 });
  });

  it('keeps as dead letters what the broker refuses, and sends the rest once and in order', async () => {
    const id = uniqueName('test.once');
    const isRefused = (n: number) => n % 1_000 === 500;
    await fill(id, MESSAGES, (n) => ({ area: isRefused(n) ? 'forbidden' : 'test' }));
    bridge = await startBridgeOn(mapping(id, `{ queue: "{body.area}.once.${id}" }`), broker);
    const refused = MESSAGES / 1_000;
    const account = await accountFor(broker, `test.once.${id}`, {
      rooms: ROOMS,
      count: MESSAGES - refused,
    });
    expect({ ...account, arrived: account.arrived.size }).toEqual({
      arrived: MESSAGES - refused,
      duplicates: 0,
      reordered: 0,
    });
    await eventually(() => status()?.inFlight === 0);
    expect(status()).toMatchObject({ deadLettered: refused });
  });

  it.each([
    ['', ''],
    [', of which one is a duplicate of the other', ', dedupe: "{body.key}"'],
  ])(
    'goes on while the broker refuses two messages and their dead letters%s, and keeps these',
    async (_, more) => {
      const id = uniqueName('test.once');
      // More than the connection after the refusal acknowledges before it has to be renewed.
      const count = 4_000;
      const refused = [500, 501];
      await fill(id, count, (n) =>
        refused.includes(n) ? { area: 'forbidden', key: 'the same' } : { area: 'test', key: String(n) },
      );
      const to = `{ queue: "{body.area}.once.${id}" }`;
      bridge = await startBridgeOn(mapping(id, to, { deadLetter: `forbidden.${id}`, more }), broker);
      const others = count - refused.length;
      const account = await accountFor(broker, `test.once.${id}`, { rooms: ROOMS, count: others });
      expect({ ...account, arrived: account.arrived.size }).toEqual({
        arrived: others,
        duplicates: 0,
        reordered: 0,
      });
      await eventually(() => status()?.inFlight === refused.length && status()?.reason);
      expect(status()).toMatchObject({ state: 'waiting', delivered: others, deadLettered: 0 });
      await bridge.end();
      const kept = await accountFor(broker, id, { rooms: ROOMS, count: refused.length });
      expect([...kept.arrived]).toEqual(refused);
    },
  );

  it('keeps as a dead letter, in the transaction, what cannot be mapped', async () => {
    const id = uniqueName('test.once');
    await fill(id, 100, (n) => (n === 50 ? {} : { room: 'lobby' }));
    bridge = await startBridgeOn(mapping(id, `{ queue: "${id}.{body.room}" }`), broker);
    const account = await accountFor(broker, `${id}.lobby`, { rooms: ROOMS, count: 99 });
    expect(account).toMatchObject({ duplicates: 0, reordered: 0 });
    await eventually(() => status()?.inFlight === 0);
    expect(status()).toMatchObject({ delivered: 99, deadLettered: 1, retried: 0 });
  });
});

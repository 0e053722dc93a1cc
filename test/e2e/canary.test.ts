import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { reasonsOf } from '../../bridge/http/reasons.js';
import type { Message } from '../../bridge/message/message.js';
import { parsePattern } from '../../bridge/routing/pattern.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { forever } from '../contract/jms-workbench.js';
import { startBridgeOn, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { destinationsOf } from '../support/destinations.js';
import { eventually } from '../support/eventually.js';
import { oneBroker } from '../support/mapping.js';
import { uniqueName } from '../support/names.js';

const PROTOCOLS = ['mqtt', 'amqp', 'stomp'] as const;

describe.each([
  { type: 'activemq', start: startClassic },
  { type: 'artemis', start: startArtemis },
] as const)('the canaries of $type', ({ type, start }) => {
  let broker: TestBroker;
  const bridges: TestBridge[] = [];
  beforeAll(async () => {
    broker = await start();
  });
  afterEach(async () => {
    await Promise.all(bridges.splice(0).map((bridge) => bridge.end()));
  });
  afterAll(() => broker?.stop());

  async function startWith(clientId: string, more = ''): Promise<TestBridge> {
    const bridge = await startBridgeOn(
      `${oneBroker(type, { clientId, lanes: 1, canary: '{ every: 1s }' })}
routes:
  all:
    from: { mqtt: "in/{room}", via: mqtt }
    to: [{ queue: out, via: amqp }, { queue: out, via: stomp }]
${more}`,
      broker,
      { untilReady: false },
    );
    bridges.push(bridge);
    return bridge;
  }

  async function left(queue: string): Promise<readonly Message[]> {
    const endpoint = { ...endpointOf(broker, 'amqp'), clientId: uniqueName('reader') };
    const connection = await connectAmqp(endpoint, forever());
    const found: Message[] = [];
    const source = await connection.source(
      { kind: 'queue', pattern: parsePattern('queue', queue), window: 10 },
      ({ message }) => found.push(message),
    );
    source.grant(10);
    await source.drain?.();
    await connection.close();
    return found;
  }

  const states = (bridge: TestBridge) =>
    (bridge.status().canaries ?? []).map(({ protocol, state }) => `${protocol} ${state}`);
  const all = (state: string) => PROTOCOLS.map((protocol) => `${protocol} ${state}`);

  it('come back over each protocol, again and again, and leave nothing behind', async () => {
    const before = new Set(await destinationsOf(broker));
    const id = uniqueName('canary');
    const bridge = await startWith(id);
    await eventually(() => states(bridge).every((state, index) => state === all('back')[index]));
    expect(bridge.status().canaries).toHaveLength(3);
    const first = bridge.status().canaries?.map(({ lastBack }) => lastBack);
    await eventually(() =>
      bridge.status().canaries?.every(({ lastBack }, index) => lastBack !== first?.[index]),
    );
    const added = (await destinationsOf(broker)).filter((name) => !before.has(name));
    for (const name of added) expect(name).toMatch(/^(?:queue|topic) .*(?:bridge\.canary\.|\bin\b|\bout\b)/);
    await Promise.all(bridges.splice(0).map((one) => one.end()));
    for (const protocol of ['amqp', 'stomp'])
      expect(await left(`bridge.canary.${id}.${protocol}`)).toEqual([]);
  });

  it('are late, and say so, while the broker is frozen, and back when it is', async () => {
    const bridge = await startWith(uniqueName('canary'));
    await eventually(() => bridge.status().ready && states(bridge).every((one) => one.endsWith('back')));
    await broker.pause();
    try {
      await eventually(() => states(bridge).every((one) => one.endsWith('late')));
      const { ready } = bridge.status();
      expect(ready).toBe(false);
      const reasons = reasonsOf(bridge.status()).join('\n');
      for (const protocol of ['MQTT', 'AMQP', 'STOMP'])
        expect(reasons).toMatch(
          new RegExp(`broker mq, ${protocol}: no canary has come back from .* for \\d+ s: .*not confirmed`),
        );
    } finally {
      broker.resume();
    }
    await eventually(
      () => bridge.status().ready && states(bridge).every((one) => one.endsWith('back')),
      60_000,
    );
  });
});

describe.each([
  { type: 'activemq', start: startClassic },
  { type: 'artemis', start: startArtemis },
] as const)('the canaries of $type whose account may not write there', ({ type, start }) => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await start({ writable: 'elsewhere' });
  });
  afterAll(() => broker?.stop());

  it('name the place', async () => {
    const bridge = await startBridgeOn(
      `
version: 1
brokers:
  mq:
    type: ${type}
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    clientId: refused
    lanes: 1
    canary: { every: 1s }
routes:
  all: { from: { queue: elsewhere.in, via: amqp }, to: { queue: elsewhere.out, via: stomp } }
`,
      broker,
      { untilReady: false },
    );
    try {
      const found = await eventually(() => {
        const { canaries = [] } = bridge.status();
        const isRefused = ({ reason }: (typeof canaries)[number]) => reason?.code.endsWith('-refused');
        return canaries.length > 0 && canaries.every(isRefused) && canaries;
      });
      const told = found.map(({ protocol, reason }) => [protocol, reason?.message]);
      expect(told).toEqual(
        ['amqp', 'stomp'].map((protocol) => [
          protocol,
          expect.stringContaining(
            `the account needs the rights to read and write queue "bridge.canary.refused.${protocol}"`,
          ),
        ]),
      );
    } finally {
      await bridge.end();
    }
  });
});

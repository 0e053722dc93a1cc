import { afterEach, describe, expect, it, vi } from 'vitest';
import { Canary } from '../../bridge/canary.js';
import type { BrokerConfig } from '../../bridge/config/config.js';
import type { Connect, Protocol } from '../../bridge/connectors/connector.js';
import { MemoryBroker } from '../../bridge/connectors/memory/memory-broker.js';
import { BridgeError } from '../../bridge/errors.js';
import { silentLog } from '../../bridge/observability/log.js';
import { eventually } from '../support/eventually.js';
import { subscribe } from '../support/memory-flow.js';

const BROKER: BrokerConfig = {
  name: 'mq',
  type: 'activemq',
  endpoints: new Map((['mqtt', 'amqp'] as const).map((one) => [one, [{ host: 'memory', port: 0 }]])),
  mqttVersion: '3.1.1',
  clientId: 'bridge-a',
  lanes: 1,
};

/** Long enough for no second one to come by itself; the tests look at the first. */
const EVERY = 60_000;

describe('a canary', () => {
  const running: Canary[] = [];
  afterEach(async () => {
    vi.restoreAllMocks();
    await Promise.all(running.splice(0).map((canary) => canary.stop()));
  });

  function start(broker: MemoryBroker, protocol: Protocol, every = EVERY, connect: Connect = broker.connect) {
    const canary = new Canary({ broker: BROKER, protocol, every, connect, log: silentLog });
    running.push(canary);
    canary.start();
    return canary;
  }

  const later = (seconds: number) => {
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + seconds * 1_000);
  };

  it.each([
    ['amqp', 'queue "bridge.canary.bridge-a.amqp"'],
    ['mqtt', 'mqtt "bridge/canary/bridge-a"'],
  ] as const)('over %s goes to a place of its own and comes back', async (protocol, address) => {
    const canary = start(new MemoryBroker(), protocol);
    const status = await eventually(() => canary.status().lastBack !== undefined && canary.status());
    expect(status).toMatchObject({ broker: 'mq', protocol, address, state: 'back' });
    expect(status.roundTripMs).toBeGreaterThanOrEqual(0);
    expect(status).not.toHaveProperty('reason');
  });

  it('goes again and again, one at a time, with what its sources select by and an end to its life', async () => {
    const broker = new MemoryBroker();
    const bodies = new Set<string>();
    broker.refuse = ({ body, properties, ttl, to }) => {
      expect(properties.get('bridge_canary')).toBe(body);
      expect(ttl).toBeGreaterThan(0);
      expect(to.name).toBe('bridge.canary.bridge-a.amqp');
      bodies.add(String(body));
      return undefined;
    };
    start(broker, 'amqp', 5);
    await eventually(() => bodies.size >= 3);
  });

  it('is late when its broker takes messages and hands none over, for as long as that is so', async () => {
    const broker = new MemoryBroker();
    const canary = start(broker, 'amqp');
    await eventually(() => canary.status().state === 'back');
    later(185);
    expect(canary.status()).toMatchObject({
      state: 'late',
      reason: {
        code: 'send-timeout',
        message:
          'no canary has come back from queue "bridge.canary.bridge-a.amqp" for 185 s: ' +
          'the broker confirmed the last one and does not hand it over',
      },
    });
  });

  it('says that a broker is down', async () => {
    const broker = new MemoryBroker();
    broker.down = true;
    const canary = start(broker, 'amqp');
    await eventually(() => canary.status().state === 'starting');
    await eventually(() => {
      later(200);
      return canary.status().reason?.code === 'connection-failed';
    });
    expect(canary.status().reason?.message).toMatch(/ s: mq is down$/);
  });

  it('says which right the account lacks', async () => {
    const broker = new MemoryBroker();
    let asked = false;
    broker.refuse = () => {
      asked = true;
      return new BridgeError('destination-refused', 'not authorized');
    };
    const canary = start(broker, 'amqp');
    await eventually(() => asked);
    later(200);
    await eventually(() => canary.status().reason?.code === 'destination-refused');
    expect(canary.status().reason?.message).toMatch(
      /not authorized; the account needs the rights to read and write queue "bridge\.canary\.bridge-a\.amqp"$/,
    );
  });

  it('takes away what an earlier bridge left, and takes none of it for its own', async () => {
    const broker = new MemoryBroker();
    broker.publish({
      address: { kind: 'queue', name: 'bridge.canary.bridge-a.amqp' },
      body: 'old-1',
      properties: new Map(),
      persistent: true,
      retained: false,
    });
    const settled: unknown[] = [];
    broker.onSettled = ({ body }, outcome) => settled.push([body, outcome]);
    const canary = start(broker, 'amqp');
    await eventually(() => canary.status().state === 'back');
    expect(settled[0]).toEqual(['old-1', 'accepted']);
    await canary.stop();
    expect(await subscribe(broker, { kind: 'queue', name: 'bridge.canary.bridge-a.amqp' })).toEqual([]);
  });

  it('comes back on the next connections when these were lost', async () => {
    const broker = new MemoryBroker();
    const canary = start(broker, 'amqp', 20);
    await eventually(() => canary.status().state === 'back');
    const before = canary.status().lastBack;
    broker.dropConnections();
    await eventually(() => canary.status().lastBack !== before && canary.status().state === 'back');
  });
});

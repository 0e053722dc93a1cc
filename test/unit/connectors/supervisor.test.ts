import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Backoff } from '../../../bridge/connectors/backoff.js';
import type { Connection, Endpoint } from '../../../bridge/connectors/connector.js';
import { MemoryBroker } from '../../../bridge/connectors/memory/memory-broker.js';
import { Supervisor } from '../../../bridge/connectors/supervisor.js';
import { BridgeError } from '../../../bridge/errors.js';
import { silentLog } from '../../../bridge/observability/log.js';
import { eventually } from '../../support/eventually.js';

const endpoint: Endpoint = {
  broker: 'b',
  brokerType: 'activemq',
  protocol: 'mqtt',
  host: 'memory',
  port: 0,
  clientId: 'supervised',
  cleanSession: true,
  connectTimeout: 1_000,
  idleTimeout: 1_000,
};

describe('a supervisor', () => {
  const running: Supervisor[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((supervisor) => supervisor.stop()));
  });

  const supervise = (
    broker: MemoryBroker,
    onUp: (connection: Connection) => Promise<void> = async () => {},
    hold?: () => Promise<BridgeError | undefined>,
  ) => {
    const events: string[] = [];
    const supervisor = new Supervisor({
      name: 'source of a route',
      endpoint,
      connect: broker.connect,
      log: silentLog,
      ...(hold === undefined ? {} : { hold }),
      onUp: async (connection) => {
        events.push('up');
        await onUp(connection);
      },
      onDown: (reason) => events.push(reason.code),
    });
    running.push(supervisor);
    supervisor.start();
    return { supervisor, events };
  };

  it('replaces a connection that was lost', async () => {
    const broker = new MemoryBroker();
    const { supervisor, events } = supervise(broker);
    await eventually(() => supervisor.status().state === 'up');
    broker.dropConnections();
    await eventually(() => events.length === 3);
    expect(events).toEqual(['up', 'connection-lost', 'up']);
    expect(supervisor.status().reason).toBeUndefined();
  });

  it('renews a good connection at once, without a word in health', async () => {
    const broker = new MemoryBroker();
    const { supervisor, events } = supervise(broker);
    await eventually(() => supervisor.status().state === 'up');
    const { since } = supervisor.status();
    supervisor.renew();
    await eventually(() => events.length === 3);
    expect(events).toEqual(['up', 'connection-lost', 'up']);
    expect(supervisor.status()).toMatchObject({ state: 'up', since, reconnects: 0 });
    broker.dropConnections();
    await eventually(() => events.length === 5);
    expect(supervisor.status()).toMatchObject({ state: 'up', reconnects: 1 });
  });

  it('can be stopped while it renews', async () => {
    const broker = new MemoryBroker();
    const { supervisor } = supervise(broker);
    await eventually(() => supervisor.status().state === 'up');
    supervisor.renew();
    await supervisor.stop();
    expect(supervisor.status().state).toBe('stopped');
  });

  it('says so when the next connection does not come up', async () => {
    const broker = new MemoryBroker();
    const { supervisor } = supervise(broker);
    await eventually(() => supervisor.status().state === 'up');
    broker.down = true;
    supervisor.renew();
    await eventually(() => supervisor.status().state === 'waiting');
    expect(supervisor.status().reason).toMatchObject({ code: 'connection-failed' });
    broker.down = false;
    await eventually(() => supervisor.status().state === 'up');
    expect(supervisor.status().reconnects).toBe(1);
  });

  it('counts how often it came up again, and no failed attempt', async () => {
    const broker = new MemoryBroker();
    const { supervisor } = supervise(broker);
    await eventually(() => supervisor.status().state === 'up');
    expect(supervisor.status().reconnects).toBe(0);
    broker.down = true;
    broker.dropConnections();
    await eventually(() => supervisor.status().attempts > 1);
    expect(supervisor.status().reconnects).toBe(0);
    broker.down = false;
    await eventually(() => supervisor.status().state === 'up');
    expect(supervisor.status().reconnects).toBe(1);
  });

  it('says why it waits, and comes up when the broker does', async () => {
    const broker = new MemoryBroker();
    broker.down = true;
    const { supervisor } = supervise(broker);
    const waiting = await eventually(() =>
      supervisor.status().attempts > 1 ? supervisor.status() : undefined,
    );
    expect(waiting).toMatchObject({
      name: 'source of a route',
      broker: 'b',
      reason: { message: 'b is down' },
    });
    broker.down = false;
    await eventually(() => supervisor.status().state === 'up');
  });

  it('counts a connection whose subscription was refused as failed, and closes it', async () => {
    const broker = new MemoryBroker();
    let refusals = 0;
    let closed: Promise<BridgeError> | undefined;
    const { supervisor, events } = supervise(broker, async (connection) => {
      if (refusals++ > 0) return;
      closed = connection.lost;
      throw new BridgeError('subscription-refused', 'no such topic');
    });
    await eventually(() => supervisor.status().state === 'up');
    expect(events).toEqual(['up', 'subscription-refused', 'up']);
    await closed;
  });

  it('suspects another client of the same id when its connection ends again and again', async () => {
    const broker = new MemoryBroker();
    const { supervisor } = supervise(broker);
    const reasons: string[] = [];
    for (let loss = 0; loss < 5; loss++) {
      await eventually(() => supervisor.status().state === 'up');
      expect(supervisor.status().attempts).toBe(0);
      broker.dropConnections();
      reasons.push(await eventually(() => supervisor.status().reason?.message));
    }
    expect(reasons.slice(0, 4)).toEqual(Array(4).fill('the broker dropped the connection'));
    expect(reasons[4]).toMatch(/5 times soon after it was up; does another bridge use the client id ".+"\?/);
  });

  it('tries the addresses of a broker in turn, and stays with the one that answers', async () => {
    const broker = new MemoryBroker();
    const asked: string[] = [];
    let alive = 'second';
    const supervisor = new Supervisor({
      name: 'lane',
      endpoint: {
        ...endpoint,
        host: 'first',
        others: [
          { host: 'second', port: 1 },
          { host: 'third', port: 2 },
        ],
      },
      connect: (one, stop) => {
        asked.push(`${one.host}:${one.port}`);
        if (one.host !== alive) throw new BridgeError('connection-failed', `${one.host} is down`);
        return broker.connect(one, stop);
      },
      log: silentLog,
      onUp: async () => {},
      onDown: () => {},
    });
    running.push(supervisor);
    supervisor.start();
    await eventually(() => supervisor.status().state === 'up');
    expect(asked).toEqual(['first:0', 'second:1']);
    alive = 'first';
    broker.dropConnections();
    await eventually(() => supervisor.status().state === 'up' && asked.at(-1) === 'first:0');
    expect(asked).toEqual(['first:0', 'second:1', 'second:1', 'third:2', 'first:0']);
  });

  it('does not take the ends of a broker that was gone for another client', async () => {
    const broker = new MemoryBroker();
    const { supervisor } = supervise(broker);
    for (let loss = 0; loss < 4; loss++) {
      await eventually(() => supervisor.status().state === 'up');
      broker.down = true;
      broker.dropConnections();
      const reason = await eventually(() => {
        const { reason } = supervisor.status();
        return reason?.code === 'connection-failed' ? reason : undefined;
      });
      expect(reason.message).not.toContain('another bridge');
      broker.down = false;
    }
  });

  it('does not connect while it is held, says why, and ends all the same', async () => {
    const broker = new MemoryBroker();
    let free = false;
    const taken = new BridgeError('client-id-in-use', 'another bridge is there');
    const { supervisor, events } = supervise(broker, undefined, async () => (free ? undefined : taken));
    await supervisor.hasTried;
    expect(supervisor.status()).toMatchObject({ state: 'waiting', reason: { code: 'client-id-in-use' } });
    free = true;
    await eventually(() => supervisor.status().state === 'up');
    expect(events).toEqual(['up']);

    const never = supervise(broker, undefined, () => new Promise(() => {})).supervisor;
    await never.stop();
    expect(never.status().state).toBe('stopped');
  });

  it('tells what the broker says it is and what was noted of it, which the log says once', async () => {
    const broker = new MemoryBroker();
    const warned: unknown[] = [];
    const supervisor = new Supervisor({
      name: 'lane',
      endpoint,
      connect: async (one, stop) =>
        Object.assign(await broker.connect(one, stop), { peer: 'ActiveMQ 6.1.8', notes: ['change this'] }),
      log: {
        ...silentLog,
        warn: (event, fields) => {
          if (event === 'broker.note') warned.push(fields?.note);
        },
      },
      onUp: async () => {},
      onDown: () => {},
    });
    running.push(supervisor);
    supervisor.start();
    for (let connections = 0; connections < 2; connections++) {
      await eventually(() => supervisor.status().state === 'up');
      expect(supervisor.status()).toMatchObject({ peer: 'ActiveMQ 6.1.8', notes: ['change this'] });
      broker.dropConnections();
      await eventually(() => supervisor.status().state !== 'up');
    }
    expect(warned).toEqual(['change this']);
  });

  it('does not come back after stop', async () => {
    const broker = new MemoryBroker();
    const { supervisor, events } = supervise(broker);
    await eventually(() => supervisor.status().state === 'up');
    await supervisor.stop();
    expect(supervisor.status().state).toBe('stopped');
    expect(events).toEqual(['up', 'connection-lost']);
  });
});

describe('backoff', () => {
  it('waits between half of the first wait and the ceiling, whatever was drawn', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.nat(50),
        (drawn, failures) => {
          const backoff = new Backoff({ initial: 100, max: 5_000, random: () => drawn });
          for (let i = 0; i < failures; i++) backoff.next();
          const wait = backoff.next();
          expect(wait).toBeGreaterThanOrEqual(50);
          expect(wait).toBeLessThanOrEqual(5_000);
        },
      ),
    );
  });

  it('keeps to another ceiling for one wait', () => {
    const backoff = new Backoff({ initial: 100, max: 200, random: () => 0.999_999 });
    expect([200, 200, 10_000, 10_000].map((max) => Math.round(backoff.next(max)))).toEqual([
      100, 200, 400, 800,
    ]);
    expect(Math.round(backoff.next())).toBe(200);
  });

  it('doubles its ceiling, and starts anew after a reset', () => {
    const backoff = new Backoff({ initial: 100, max: 1_000, random: () => 0.999_999 });
    expect([1, 2, 3, 4, 5].map(() => Math.round(backoff.next()))).toEqual([100, 200, 400, 800, 1000]);
    backoff.reset();
    expect(Math.round(backoff.next())).toBe(100);
  });
});

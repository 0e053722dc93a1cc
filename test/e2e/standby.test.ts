import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BridgeStatus } from '../../bridge/status.js';
import { accountFor } from '../support/accounting.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { oneBroker } from '../support/mapping.js';
import { uniqueName } from '../support/names.js';
import { CommandLine } from '../support/up.js';

const ROOMS = 5;

/** One bridge process, and what its health says. */
class Member {
  readonly process: CommandLine;
  readonly url: string;

  private constructor(process: CommandLine, url: string) {
    this.process = process;
    this.url = url;
  }

  static async start(file: string, env: Readonly<Record<string, string>>): Promise<Member> {
    const port = await freePort();
    const process = new CommandLine(['--log-format', 'json', 'run', file], {
      ...env,
      HTTP_PORT: String(port),
    });
    await process.says(/bridge\.started/);
    return new Member(process, `http://127.0.0.1:${port}`);
  }

  /** The status code of its answer. */
  async asks(path: string): Promise<number> {
    return (await fetch(this.url + path)).status;
  }

  async health(): Promise<BridgeStatus & { readonly reasons: readonly string[] }> {
    return (await (await fetch(`${this.url}/health`)).json()) as BridgeStatus & {
      readonly reasons: readonly string[];
    };
  }

  /** Ready to begin, and not at work. */
  standsBy = () =>
    eventually(
      async () =>
        (await this.asks('/health/ready?standby=ok')) === 200 && (await this.asks('/health/ready')) === 503,
    );
  works = () => eventually(async () => (await this.asks('/health/ready')) === 200, 60_000);
}

describe.each([
  { name: 'Classic', type: 'activemq', start: startClassic, over: ['amqp', 'stomp'] },
  { name: 'Classic, lock over STOMP', type: 'activemq', start: startClassic, over: ['stomp'] },
  { name: 'Artemis', type: 'artemis', start: startArtemis, over: ['amqp', 'stomp'] },
] as const)('bridges with one mapping file and standby on $name', ({ type, start, over }) => {
  let broker: TestBroker;
  let folder = '';
  let publisher: MqttClient;
  const members: Member[] = [];

  beforeAll(async () => {
    broker = await start();
    folder = await mkdtemp(join(tmpdir(), 'bridge-standby-'));
    publisher = await mqtt.connectAsync({
      host: broker.host,
      port: broker.ports.mqtt,
      ...broker.accounts.ann,
      reconnectPeriod: 100,
    });
  });
  afterEach(async () => {
    for (const { process } of members) process.signal('SIGCONT');
    await Promise.all(members.splice(0).map(({ process }) => process.interrupt()));
  });
  afterAll(async () => {
    await publisher?.endAsync(true);
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  interface Setting {
    readonly file: string;
    readonly queue: string;
    readonly topic: string;
  }

  async function setting(): Promise<Setting> {
    const name = uniqueName('standby');
    const file = join(folder, `${name}.yaml`);
    const lines = oneBroker(type, { clientId: name, lanes: 2 }).split('\n');
    const reached = lines.filter(
      (line) =>
        !['amqp', 'stomp'].some(
          (protocol) => line.includes(`${protocol}:`) && !(over as readonly string[]).includes(protocol),
        ),
    );
    await writeFile(
      file,
      `${reached.join('\n')}
standby: { broker: mq }
routes:
  rooms:
    from: { mqtt: "${name}/{room}", via: mqtt }
    to: { queue: "${name}.out", via: stomp }
http: { port: "\${HTTP_PORT}" }
`,
    );
    return { file, queue: `${name}.out`, topic: name };
  }

  interface Pair extends Setting {
    /** At work. */
    readonly first: Member;
    readonly second: Member;
  }

  /** Two processes with one mapping file of their own. */
  async function startPair(): Promise<Pair> {
    const made = await setting();
    const first = await enter(made.file);
    await first.works();
    const second = await enter(made.file);
    await second.standsBy();
    return { ...made, first, second };
  }

  async function enter(file: string): Promise<Member> {
    const member = await Member.start(file, brokerEnvironment(broker));
    members.push(member);
    return member;
  }

  /** Numbered messages from one to the other, one after the other within a room; each resolves on its PUBACK. */
  function publish(topic: string, from: number, to: number): Promise<unknown> {
    const rooms = Array.from({ length: ROOMS }, async (_, room) => {
      for (let n = from + ((((room - from) % ROOMS) + ROOMS) % ROOMS); n < to; n += ROOMS)
        await publisher.publishAsync(`${topic}/room${room}`, JSON.stringify({ n }), { qos: 1 });
    });
    return Promise.all(rooms);
  }

  const allOf = (count: number) => new Set(Array.from({ length: count }, (_, n) => n));

  it('one works, the others say that they stand by', async () => {
    const { first, second } = await startPair();

    expect(await first.health()).toMatchObject({ ready: true, state: 'running', lock: { state: 'held' } });
    expect(await second.health()).toMatchObject({
      ready: false,
      state: 'standby',
      lock: { broker: 'mq', state: 'waiting' },
      reasons: [expect.stringMatching(/^this bridge stands by: another one/)],
      connections: [{ name: 'lock on mq', state: 'up' }],
    });
  });

  // What a lock does is the same over either protocol, but for the silence that a broker takes for an end: that is shorter over STOMP.
  if (over.length > 1) {
    it('when the one that works is killed, another goes on: nothing is lost, each room stays in order', async () => {
      const { queue, topic, first, second } = await startPair();
      await publish(topic, 0, 200);
      const publishing = publish(topic, 200, 1_200);
      first.process.signal('SIGKILL');
      await first.process.exited;
      members.splice(members.indexOf(first), 1);
      await publishing;
      await second.works();

      const { arrived, reordered } = await accountFor(broker, queue, { rooms: ROOMS, count: 1_200 });
      expect(arrived).toEqual(allOf(1_200));
      expect(reordered).toBe(0);
    });

    it('one that is asked to end hands over: everything comes once', async () => {
      const { queue, topic, first, second } = await startPair();
      const publishing = publish(topic, 0, 500);
      expect(await first.process.interrupt()).toBe(0);
      members.splice(members.indexOf(first), 1);
      await publishing;
      await second.works();

      const account = await accountFor(broker, queue, { rooms: ROOMS, count: 500 });
      expect(account).toEqual({ arrived: allOf(500), duplicates: 0, reordered: 0 });
    });

    it('after a restart of the broker one works again, and only one', async () => {
      const { queue, topic, first, second } = await startPair();
      const both = [first, second];
      await broker.restart();

      const states = async () =>
        (await Promise.all(both.map((member) => member.health())))
          .map(({ state, ready }) => `${state} ${ready}`)
          .sort();
      await eventually(async () => (await states()).join() === 'running true,standby false', 60_000);
      await eventually(() => publisher.connected);
      await publish(topic, 0, 100);
      const { arrived } = await accountFor(broker, queue, { rooms: ROOMS, count: 100 });
      expect(arrived).toEqual(allOf(100));
    });
  } else {
    it('one that hangs is taken over from, and steps back when it comes to itself', async () => {
      const { queue, topic, first, second } = await startPair();
      first.process.signal('SIGSTOP');
      await publish(topic, 0, 100);
      await second.works();
      first.process.signal('SIGCONT');
      await first.standsBy();

      const { arrived, reordered } = await accountFor(broker, queue, { rooms: ROOMS, count: 100 });
      expect(arrived).toEqual(allOf(100));
      expect(reordered).toBe(0);
    }, 120_000);
  }
});

describe('the lock of bridges with standby', () => {
  let broker: TestBroker;
  let folder = '';
  const members: Member[] = [];
  beforeAll(async () => {
    broker = await startClassic();
    folder = await mkdtemp(join(tmpdir(), 'bridge-standby-'));
  });
  afterAll(async () => {
    await Promise.all(members.map(({ process }) => process.interrupt()));
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('follows a password that is changed while they run', async () => {
    const file = join(folder, 'mapping.yaml');
    const password = join(folder, 'password');
    const { ACTIVEMQ_PASSWORD = '', ...env } = brokerEnvironment(broker);
    await writeFile(password, ACTIVEMQ_PASSWORD);
    await writeFile(
      file,
      `${oneBroker('activemq', { clientId: 'rotated' })}
standby: { broker: mq }
routes:
  rooms: { from: { mqtt: "rotated/{room}" }, to: { queue: rotated } }
http: { port: "\${HTTP_PORT}" }
`,
    );
    for (let count = 0; count < 2; count++)
      members.push(await Member.start(file, { ...env, ACTIVEMQ_PASSWORD_FILE: password }));
    const states = async () =>
      (await Promise.all(members.map((member) => member.health()))).map(
        ({ state, ready }) => `${state} ${ready}`,
      );
    const oneWorks = async () => (await states()).sort().join() === 'running true,standby false';
    await eventually(oneWorks, 60_000);

    await broker.setPassword(broker.accounts.bridge.username, 'another-password');
    await writeFile(password, 'another-password');
    await Promise.all(members.map(({ process }) => process.says(/mapping\.reloaded/)));
    await broker.restart();
    await eventually(oneWorks, 60_000);
  });
});

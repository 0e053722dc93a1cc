import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Protocol } from '../../bridge/connectors/connector.js';
import type { BridgeStatus } from '../../bridge/status.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { uniqueName } from '../support/names.js';
import { CommandLine } from '../support/up.js';
import { type Account, HandedOver, Ledger } from './account.js';
import { type Collector, collect } from './collector.js';
import { produce } from './producer.js';
import { Random } from './random.js';

/** What the messages go from and to. `via`: how the bridge reads or writes on the JMS side. */
export const DIRECTIONS = {
  'MQTT → queue': { from: 'mqtt', to: 'queue' },
  'MQTT → topic': { from: 'mqtt', to: 'topic' },
  'queue → MQTT QoS 1': { from: 'queue', to: 'mqtt', qos: 1 },
  'queue → MQTT QoS 2': { from: 'queue', to: 'mqtt', qos: 2 },
  'queue → queue': { from: 'queue', to: 'queue' },
} as const satisfies Record<string, { from: 'mqtt' | 'queue'; to: 'mqtt' | 'queue' | 'topic'; qos?: 1 | 2 }>;

export type Direction = keyof typeof DIRECTIONS;

export interface RunOptions {
  readonly direction: Direction;
  /** How the bridge reads and writes; as by default without it. */
  readonly readVia?: Protocol;
  readonly writeVia?: 'amqp' | 'stomp';
  readonly count?: number;
  /** Messages a second at most. */
  readonly rate?: number;
  readonly seed: number;
}

const ROOMS = 50;
/** What the mapping file calls the broker's host; the hook in the bridge's process resolves it. */
export const NAMED_HOST = 'broker.test';
const HOOK = fileURLToPath(new URL('./hooks/faulty-host.mjs', import.meta.url));
export const IN_FLIGHT = 200;
/** Milliseconds until a fault must be over. */
const PATIENCE = 60_000;

/** One bridge between a producer and a collector on one broker, with a proxy on each of its ways; its faults are a test's. */
export class Run {
  readonly random: Random;
  readonly id = uniqueName('run');
  readonly count: number;
  readonly from: Protocol;
  readonly to: Protocol;
  bridge: CommandLine | undefined;
  readonly #ledger = new Ledger(ROOMS);
  readonly #handedOver = new HandedOver();
  readonly #proxies = new Map<Protocol, FaultProxy>();
  readonly #stop = new AbortController();
  /** Aborted when the faults are over. */
  readonly #enough = new AbortController();
  readonly #started = performance.now();
  readonly #others: CommandLine[] = [];
  #collector: Collector | undefined;
  #produced: Promise<void> | undefined;
  #folder = '';
  #port = 0;

  static async start(broker: TestBroker, options: RunOptions): Promise<Run> {
    const run = new Run(broker, options);
    try {
      await run.#start();
    } catch (error) {
      await run.end();
      throw error;
    }
    return run;
  }

  private constructor(
    readonly broker: TestBroker,
    readonly options: RunOptions,
  ) {
    this.random = new Random(options.seed);
    this.count = options.count ?? 4_000;
    const { from, to } = DIRECTIONS[options.direction];
    const jms = broker.type === 'activemq' ? 'stomp' : 'amqp';
    const isSession = from === 'mqtt' && broker.type === 'activemq';
    this.from = options.readVia ?? (isSession ? 'mqtt' : 'amqp');
    this.to = to === 'mqtt' ? 'mqtt' : (options.writeVia ?? jms);
  }

  /** On the way between the bridge and where it reads. */
  get source(): FaultProxy {
    return this.#proxy(this.from);
  }

  /** On the way between the bridge and where it writes. */
  get sink(): FaultProxy {
    return this.#proxy(this.to);
  }

  get proxies(): readonly FaultProxy[] {
    return [...this.#proxies.values()];
  }

  get file(): string {
    return join(this.#folder, 'mapping.yaml');
  }

  async #start(): Promise<void> {
    const { broker, id } = this;
    const { direction, rate } = this.options;
    this.#folder = await mkdtemp(join(tmpdir(), 'bridge-faults-'));
    this.#port = await freePort();
    for (const protocol of [this.from, this.to])
      if (!this.#proxies.has(protocol))
        this.#proxies.set(
          protocol,
          await startFaultProxy(
            broker.ports[protocol] ?? 0,
            protocol === this.from ? this.#handedOver.tap : undefined,
          ),
        );
    const { from, to } = DIRECTIONS[direction];
    // Classic over AMQP takes a write to its disk for each acknowledgement; over STOMP it hands over only what came over STOMP.
    const readVia = broker.type === 'activemq' && this.to === 'stomp' ? 'stomp' : 'amqp';
    this.#collector = await collect(broker, { kind: to, name: outOf(id, to) }, readVia);
    await this.setPassword(broker.accounts.bridge.password);
    await this.setHost({});
    await this.write();
    this.startBridge();
    await this.ready();
    // Both of Classic's protocols could write the queue, and AMQP alone reads there whatever was written.
    const via = broker.type === 'activemq' ? 'stomp' : 'amqp';
    const name = from === 'mqtt' ? `${id}/in` : `${id}.in`;
    this.#produced = produce(
      {
        broker,
        via,
        to: { kind: from, name },
        ledger: this.#ledger,
        count: this.count,
        ...(rate === undefined ? {} : { rate }),
        enough: this.#enough.signal,
      },
      this.#stop.signal,
    );
    this.#produced.catch(() => undefined);
  }

  /** Writes the mapping file; `mark` is something in it that a reload can change. */
  async write(mark = 'first'): Promise<void> {
    await writeFile(this.file, this.mapping(mark, this.#port));
  }

  mapping(mark: string, httpPort: number): string {
    const { broker, id, from, to } = this;
    const { direction } = this.options;
    const way = DIRECTIONS[direction];
    const urls = [...this.#proxies].map(
      ([protocol, { port }]) => `${protocol}: ${protocol}://${NAMED_HOST}:${port}`,
    );
    const source = `${way.from === 'mqtt' ? `mqtt: "${id}/in/{room}"` : `queue: ${id}.in`}, via: ${from}`;
    const target =
      way.to === 'mqtt'
        ? `mqtt: "${id}/out/{body.room}", qos: ${'qos' in way ? way.qos : 1}`
        : `${way.to}: ${id}.out, via: ${to}, properties: { mark: ${mark} }`;
    return `version: 1
brokers:
  mq:
    type: ${broker.type}
    ${urls.join('\n    ')}
    username: \${ACTIVEMQ_USERNAME}
    password: \${file:${join(this.#folder, 'password')}}
    clientId: ${id}
routes:
  out:
    from: { ${source} }
    to: { ${target} }
    orderBy: "{body.room}"
    inFlight: ${IN_FLIGHT}
http: { port: ${httpPort} }
`;
  }

  /** What the bridge reads as its password at its next start or reload. */
  async setPassword(password: string): Promise<void> {
    await writeFile(join(this.#folder, 'password'), password, { mode: 0o600 });
  }

  /** What is wrong with the host that the bridge runs on: its clock is so many ms ahead, it does not know a name. */
  async setHost(wrong: { readonly clock?: number; readonly unresolved?: string }): Promise<void> {
    await writeFile(join(this.#folder, 'host.json'), JSON.stringify(wrong));
  }

  get #environment(): Record<string, string> {
    return {
      ...brokerEnvironment(this.broker),
      NODE_OPTIONS: `--import=${HOOK}`,
      FAULTY_HOST: join(this.#folder, 'host.json'),
    };
  }

  startBridge(): CommandLine {
    this.bridge = new CommandLine(['--log-format', 'json', 'run', this.file], this.#environment);
    this.#others.push(this.bridge);
    return this.bridge;
  }

  /** A second bridge with the same rules, on an HTTP port of its own. */
  async startSecond(): Promise<{
    readonly bridge: CommandLine;
    readonly health: () => Promise<BridgeStatus>;
  }> {
    const port = await freePort();
    const file = join(this.#folder, 'second.yaml');
    await writeFile(file, this.mapping('first', port));
    const bridge = new CommandLine(['--log-format', 'json', 'run', file], this.#environment);
    this.#others.push(bridge);
    return { bridge, health: () => healthAt(port) };
  }

  health = (): Promise<BridgeStatus> => healthAt(this.#port);

  async ready(): Promise<void> {
    await eventually(async () => (await this.health()).ready, PATIENCE).catch(async (cause: unknown) => {
      throw new Error(`the bridge is not ready: ${this.bridge?.output.slice(-3_000)}`, { cause });
    });
  }

  async delivered(): Promise<number> {
    return (await this.health()).routes[0]?.delivered ?? 0;
  }

  /** Resolves once the bridge has delivered some more, between these two (drawn by the seed); fails when it never does. */
  async delivers(from: number, to = from): Promise<void> {
    const more = to > from ? this.random.between(from, to) : from;
    const goal = (await this.delivered()) + more;
    await eventually(async () => (await this.delivered()) >= goal, PATIENCE).catch(async (cause: unknown) => {
      throw new Error(`no ${more} messages more: ${this.bridge?.output.slice(-3_000)}`, { cause });
    });
  }

  async reload(): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.#port}/api/reload`, { method: 'POST' })).status;
  }

  /** All faults are over: reads what came, ends the bridge, and judges. */
  async account(): Promise<Account> {
    if (this.#collector === undefined) throw new Error('not started');
    for (const proxy of this.proxies) proxy.heal();
    this.#enough.abort();
    await this.#produced;
    const produced = performance.now();
    await this.#collector.readUntilAll(this.#ledger.acknowledged);
    await this.#end(this.#others.splice(0));
    const account = this.#ledger.judge(await this.#collector.finish(), this.#handedOver);
    const { lost, duplicates, reordered, reorderedByBroker, unexpected, acknowledged, attempted } = account;
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    const ways = `${this.broker.type} ${this.options.direction} (${this.from} to ${this.to})`;
    console.log(
      `${ways}, seed ${this.options.seed}: ${acknowledged} acknowledged, ${attempted - acknowledged} in doubt, ${lost} lost, ${duplicates} duplicated, ${reordered} reordered (${reorderedByBroker} more by the broker), ${unexpected} unexpected, ${seconds} s (sent after ${((produced - this.#started) / 1000).toFixed(1)} s)`,
    );
    return account;
  }

  async #end(bridges: readonly CommandLine[]): Promise<void> {
    await Promise.all(bridges.map((bridge) => bridge.interrupt()));
  }

  /** At the end of every test, whatever became of it. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#produced?.catch(() => undefined);
    for (const proxy of this.proxies) proxy.heal();
    await this.#end(this.#others.splice(0));
    for (const proxy of this.proxies) await proxy.close();
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  #proxy(protocol: Protocol): FaultProxy {
    const proxy = this.#proxies.get(protocol);
    if (proxy === undefined) throw new Error(`the bridge does not use ${protocol} here`);
    return proxy;
  }
}

const outOf = (id: string, kind: 'mqtt' | 'queue' | 'topic') => (kind === 'mqtt' ? `${id}/out` : `${id}.out`);

async function healthAt(port: number): Promise<BridgeStatus> {
  return (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as BridgeStatus;
}

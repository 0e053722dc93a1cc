import { randomBytes } from 'node:crypto';
import { atMost } from '../at-most.js';
import type {
  Connect,
  Connection,
  Delivery,
  Endpoint,
  MqttSubscription,
  Protocol,
  Source,
  SourceSpec,
} from '../connectors/connector.js';
import { Supervisor } from '../connectors/supervisor.js';
import { asBridgeError, type BridgeError } from '../errors.js';
import { describeAddress } from '../message/address.js';
import type { Message } from '../message/message.js';
import { Histogram } from '../observability/histogram.js';
import type { Log } from '../observability/log.js';
import { type Match, RouteTable } from '../routing/route-table.js';
import type { ConnectionStatus, Measurements, RouteStatus } from '../status.js';
import type { EchoReader } from './echo-ledger.js';
import { BATCH_MESSAGES, batchesOf, type Lanes, SEND_TIMEOUT } from './lanes.js';
import { bodySize } from './mapping.js';
import type { RouteRecord } from './route-record.js';
import { type FlowRoute, RouteWorker } from './route-worker.js';
import type { ShortWay } from './short-way.js';
import { sourceSpecOf, viewOf } from './subscriptions.js';
import type { Tails } from './tails.js';
import { Transactions } from './transactions.js';
import { Window } from './window.js';

export type { FlowRoute } from './route-worker.js';

/** Messages that a broker may send ahead where connections are renewed: it looks through them at each commit, too. */
const SENT_AHEAD = 200;

/** Milliseconds without a message, and with room for one, after which nothing waits any more in a session on its broker. */
const IDLE = 5_000;

export interface FlowOptions {
  readonly name: string;
  /** Routes of one source session; they share broker, protocol, kind of `from` and guarantee of delivery. At least one. */
  readonly routes: readonly [FlowRoute, ...FlowRoute[]];
  readonly endpoint: Endpoint;
  readonly connect: Connect;
  /** Every set of lanes that the routes use, once each. */
  readonly lanes: readonly Lanes[];
  /** The sends that a source's own connection may have without an answer, where messages are sent over it: see `Transactions`. */
  readonly transactions?: { readonly window: number };
  readonly echoes?: EchoReader;
  /** What the session may be subscribed to from other rules. */
  readonly former?: readonly MqttSubscription[];
  /** Milliseconds; see `IDLE`. */
  readonly idle?: number;
  /** Where messages are shown to who watches a route. */
  readonly tails?: Tails;
  readonly log: Log;
}

interface OpenSource {
  readonly source: Source;
  /** Credit that it has not used yet. */
  credit: number;
  /** Deliveries of it that are not settled yet. */
  outstanding: number;
  /** What tells how far it is, until its first delivery: milliseconds that its opening took, and when it was first granted something. */
  opening: { readonly took: number; granted: number | undefined } | undefined;
}

/**
 * One source session at work: takes deliveries, hands them to the routes that match, and settles each delivery only after
 * every one of them has its message safe. Memory: never more than `inFlight` unsettled deliveries, fewer while they are large, also
 * across the loss of the source.
 */
export class Flow {
  readonly #options: FlowOptions;
  readonly #supervisor: Supervisor;
  readonly #workers: readonly [RouteWorker, ...RouteWorker[]];
  readonly #table: RouteTable<RouteWorker>;
  readonly #spec: SourceSpec;
  readonly #view: (message: Message) => Message;
  readonly #window: Window;
  readonly #transactions: Transactions | undefined;
  /** Of the transactions over the source's own connection. */
  readonly #batches = new Histogram(BATCH_MESSAGES);
  /** Deliveries are accepted before their messages are sent. */
  readonly #atMostOnce: boolean;
  readonly #idPrefix = `ID:bridge-${randomBytes(6).toString('hex')}-`;
  #sequence = 0;
  #open: OpenSource | undefined;
  #granted = false;
  #grantScheduled = false;
  #outstanding = 0;
  /** Subscriptions of former rules that still bring what had waited for them. */
  #former: readonly MqttSubscription[];
  #idleTimer: NodeJS.Timeout | undefined;
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #toldOfUnmatched = false;
  /** Deliveries that the broker calls repeated at most because a connection was renewed: nobody has seen them before, but what stood aside. */
  #sentAheadBefore = 0;

  constructor(options: FlowOptions) {
    this.#options = options;
    const [first, ...rest] = options.routes;
    const limit = Math.min(...options.routes.map(({ config }) => config.inFlight));
    this.#window = new Window(limit);
    const worker = (route: FlowRoute) => new RouteWorker(route, options.log, options.tails, this.#window);
    this.#workers = [worker(first), ...rest.map(worker)];
    this.#atMostOnce = first.config.delivery === 'at-most-once';
    // What a renewed connection was sent ahead is sent again.
    const ahead = options.transactions === undefined ? limit : Math.min(limit, SENT_AHEAD);
    this.#spec = sourceSpecOf(this.#workers, ahead);
    this.#view = viewOf(first.config.from, options.endpoint.brokerType);
    this.#table = new RouteTable(
      first.config.from.kind,
      this.#workers.map((one) => ({ pattern: one.route.config.from.pattern, route: one })),
    );
    this.#former = withoutAll(options.former ?? [], this.#subscriptions());
    if (options.transactions !== undefined)
      this.#transactions = new Transactions({
        replaceConnection: () => this.#supervisor.replace(),
        onAside: () => {
          this.#renewIfWorn();
          this.#grantSoon();
        },
      });
    this.#supervisor = new Supervisor({
      name: `${options.name} from ${options.endpoint.broker} over ${options.endpoint.protocol}`,
      endpoint: options.endpoint,
      connect: options.connect,
      log: options.log,
      hold: () => this.clientIdConflict(),
      onUp: (connection) => this.#subscribe(connection),
      onDown: () => {
        this.#open = undefined;
        this.#transactions?.lose();
        this.#granted = false;
        options.echoes?.lost();
        clearTimeout(this.#idleTimer);
      },
    });
  }

  start(): void {
    for (const lanes of this.#options.lanes) lanes.start();
    this.#supervisor.start();
  }

  /** A lane has come up: with all of them open, the source may begin. */
  laneOpened(): void {
    this.#grantWhenReady();
    this.#grantSoon();
  }

  /**
   * Over AMQP and STOMP a broker may refuse a second client of the same id; over MQTT the second one takes the place of the
   * first. So MQTT waits for what the others are told: a second bridge with the same rules then leaves the first one alone.
   */
  async clientIdConflict(
    protocol: Protocol = this.#options.endpoint.protocol,
  ): Promise<BridgeError | undefined> {
    if (protocol !== 'mqtt') return undefined;
    const others = [this.#supervisor, ...this.#options.lanes.flatMap((lanes) => lanes.supervisors)].filter(
      (supervisor) => supervisor.status().protocol !== 'mqtt',
    );
    await Promise.all(others.map((supervisor) => supervisor.hasTried));
    return others.find(({ reason }) => reason?.code === 'client-id-in-use')?.reason;
  }

  /** No more deliveries, settle what is in flight (for at most `deadline` ms), close the lanes, then the source. */
  stop(deadline: number): Promise<void> {
    this.#stopped ??= this.#stop(deadline);
    return this.#stopped;
  }

  async #stop(deadline: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#idleTimer);
    for (const worker of this.#workers) worker.stop();
    await atMost(deadline, this.#drain());
    await Promise.all(this.#options.lanes.map((lanes) => lanes.stop()));
    await this.#supervisor.stop();
  }

  /** What the session on the broker may be subscribed to, by these rules and by former ones. */
  mayBeSubscribedTo(): readonly MqttSubscription[] {
    return [...this.#subscriptions(), ...this.#former];
  }

  #subscriptions(): readonly MqttSubscription[] {
    return this.#spec.kind === 'mqtt' ? this.#spec.subscriptions : [];
  }

  connections(): ConnectionStatus[] {
    return [this.#supervisor.status(), ...this.#options.lanes.flatMap((lanes) => lanes.status())];
  }

  routes(): RouteStatus[] {
    const blocked = this.connections().find(({ state }) => state !== 'up');
    return this.#workers.map((worker) => {
      const { obstacle } = worker.record;
      const waiting = blocked !== undefined || obstacle !== undefined;
      const reason = blocked?.reason ?? (obstacle && { code: obstacle.code, message: obstacle.message });
      return {
        name: worker.route.config.name,
        state: waiting ? 'waiting' : 'running',
        ...(waiting && reason !== undefined ? { reason } : {}),
        ...worker.record.status(),
      };
    });
  }

  measurements(): Measurements {
    const source = this.#supervisor.status();
    const { name, broker, protocol } = source;
    const lanes = this.#options.lanes.flatMap((each) => each.batches());
    return {
      deliveries: this.#workers.map(({ route, record }) => ({
        route: route.config.name,
        seconds: record.deliverySeconds.read(),
      })),
      batches: [...batchesOf(source, this.#batches), ...lanes],
      credits: [{ name, broker, protocol, credit: this.#open?.credit ?? 0 }],
    };
  }

  async #drain(): Promise<void> {
    await this.#open?.source.stop().catch(() => undefined);
    if (this.#outstanding === 0) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  async #subscribe(connection: Connection): Promise<void> {
    const began = performance.now();
    // It hands over nothing before it has credit, and gets that only below.
    const open: OpenSource = {
      source: await connection.source(this.#spec, (delivery) => this.#take(delivery, open)),
      credit: 0,
      outstanding: 0,
      opening: undefined,
    };
    // Over MQTT and STOMP the broker sends ahead, whatever the credit here.
    if (this.#options.endpoint.protocol === 'amqp')
      open.opening = { took: performance.now() - began, granted: undefined };
    const { window } = this.#options.transactions ?? {};
    if (window !== undefined) {
      const onBatch = (messages: number) => this.#batches.observe(messages);
      this.#transactions?.open(await connection.sink({ sendTimeout: SEND_TIMEOUT, window, onBatch }));
    }
    this.#open = open;
    this.#grantWhenReady();
    this.#watchForIdleness();
  }

  #grantWhenReady(): void {
    if (this.#granted || this.#stopping || this.#open === undefined || !this.#lanesAreOpen()) return;
    this.#granted = true;
    this.#grant();
  }

  #lanesAreOpen(): boolean {
    return this.#options.lanes.every((lanes) => lanes.allOpen);
  }

  /** Lets the source fill the window. What a lost source left in flight takes its place until it is sent. */
  #grant(): void {
    const open = this.#open;
    if (this.#stopping || !this.#granted || open === undefined) return;
    // What is accepted before it is sent should not wait here for a destination that is down.
    if (this.#atMostOnce && !this.#lanesAreOpen()) return;
    if (this.#transactions?.isChangingBack === true || this.#transactions?.isWornOut === true) return;
    const missing = this.#window.size - this.#outstanding - open.credit;
    if (missing <= 0) return;
    open.credit += missing;
    if (open.opening !== undefined) open.opening.granted ??= performance.now();
    open.source.grant(missing);
  }

  #take(delivery: Delivery, open: OpenSource): void {
    this.#window.came(bodySize(delivery.message));
    if (open.opening !== undefined) {
      const { took, granted = 0 } = open.opening;
      // An opening may take longer than the way there and back, and the first message may come later.
      this.#window.reach(Math.min(took, performance.now() - granted));
      open.opening = undefined;
    }
    open.credit--;
    open.outstanding++;
    this.#outstanding++;
    this.#idleTimer?.refresh();
    const { echoes } = this.#options;
    const seen = this.#view(delivery.message);
    const message = echoes?.mark(seen) ?? seen;
    const way = this.#transactions?.wayOf(delivery);
    const accept = () => {
      echoes?.settled(message);
      if (way?.isSettled !== true) delivery.settle('accepted');
    };
    if (this.#atMostOnce) accept();
    const finish = (safe: boolean) => {
      open.outstanding--;
      this.#outstanding--;
      way?.end();
      if (safe && !this.#atMostOnce) accept();
      if (this.#outstanding === 0) this.#drained?.();
      this.#renewIfWorn();
      this.#grantSoon();
    };
    const isRepeated = delivery.redelivered && this.#sentAheadBefore === 0;
    this.#sentAheadBefore = Math.max(0, this.#sentAheadBefore - 1);
    this.#deliver(message, isRepeated, way).then(finish, (cause: unknown) => {
      const { message } = asBridgeError(cause, 'mapping-failed');
      this.#options.log.error('delivery failed, it stays with its broker', { reason: message });
      finish(false);
    });
    this.#grantSoon();
  }

  /** As soon as nothing is on its way that gets on. */
  #renewIfWorn(): void {
    const open = this.#open;
    if (open === undefined || this.#stopping || this.#transactions?.isWorn !== true) return;
    if (this.#outstanding > this.#transactions.aside) return;
    this.#open = undefined;
    // What it has been sent and has not handed over comes again over the next one; Classic sends ahead twice as many within transactions.
    this.#sentAheadBefore = 2 * SENT_AHEAD;
    void open.source.stop();
    this.#supervisor.renew();
  }

  /** Once for all that happens in this turn, and not from inside a source that is handing over. */
  #grantSoon(): void {
    if (this.#grantScheduled) return;
    this.#grantScheduled = true;
    queueMicrotask(() => {
      this.#grantScheduled = false;
      this.#grant();
    });
  }

  /** Hands the message to every route that matches; resolves true when it is safe with each. */
  #deliver(message: Message, redelivered: boolean, way?: ShortWay): Promise<boolean> {
    const arrival = { id: `${this.#idPrefix}${++this.#sequence}`, now: Date.now(), redelivered };
    const matches = this.#table.match(message.address.name);
    const [first, ...others] = matches;
    if (first === undefined) {
      this.#tellOfUnmatched(message);
      return SAFE;
    }
    const deliver = ({ route: worker, captures }: Match<RouteWorker>) => {
      const delivering = worker.deliver(message, captures, arrival, way);
      return this.#atMostOnce ? countLost(delivering, worker.record) : delivering;
    };
    // Most messages have one route: they are then some promises cheaper.
    if (others.length === 0) return deliver(first);
    return Promise.all(matches.map(deliver)).then((done) => done.every((safe) => safe));
  }

  /** A durable session keeps the subscriptions that other rules made, and a subscription for several routes can take in more than they. */
  #tellOfUnmatched({ address }: Message): void {
    if (this.#toldOfUnmatched) return;
    this.#toldOfUnmatched = true;
    this.#options.log.warn(
      'messages that no rule takes are accepted and forgotten: a subscription is wider than its rules, or from former rules',
      { session: this.#options.name, from: describeAddress(address) },
    );
  }

  /**
   * The end of a subscription makes brokers throw away what waits for it in the session. So a former one ends only after it has
   * brought nothing for a while, although there was room for it.
   */
  #watchForIdleness(): void {
    clearTimeout(this.#idleTimer);
    const { unsubscribe } = this.#open?.source ?? {};
    if (this.#former.length === 0 || unsubscribe === undefined) return;
    const ended = this.#former;
    this.#idleTimer = setTimeout(() => {
      const isIdle = this.#granted && this.#outstanding === 0 && (this.#open?.credit ?? 0) > 0;
      if (!isIdle) {
        this.#idleTimer?.refresh();
        return;
      }
      unsubscribe(ended).then(
        () => {
          this.#former = [];
        },
        // The connection is gone; the next one tries again.
        () => undefined,
      );
    }, this.#options.idle ?? IDLE).unref();
  }
}

const SAFE = Promise.resolve(true);

/** At most once: what is not safe anywhere is gone. */
async function countLost(delivering: Promise<boolean>, { counters }: RouteRecord): Promise<boolean> {
  const safe = await delivering;
  if (!safe) counters.lost++;
  return safe;
}

function withoutAll(
  some: readonly MqttSubscription[],
  others: readonly MqttSubscription[],
): readonly MqttSubscription[] {
  const textOf = ({ pattern, share }: MqttSubscription) => JSON.stringify([pattern.levels, share]);
  const excluded = new Set(others.map(textOf));
  return [...new Map(some.map((one) => [textOf(one), one])).entries()]
    .filter(([text]) => !excluded.has(text))
    .map(([, one]) => one);
}

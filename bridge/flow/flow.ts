import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type {
  Connect,
  Connection,
  Delivery,
  Endpoint,
  MqttSubscription,
  Source,
} from '../connectors/connector.js';
import { Supervisor } from '../connectors/supervisor.js';
import { asBridgeError } from '../errors.js';
import { describeAddress } from '../message/address.js';
import type { Message } from '../message/message.js';
import type { Log } from '../observability/log.js';
import { RouteTable } from '../routing/route-table.js';
import type { ConnectionStatus, RouteStatus } from '../status.js';
import type { Lanes } from './lanes.js';
import { bodySize } from './mapping.js';
import { type FlowRoute, RouteWorker } from './route-worker.js';
import { subscriptionsFor } from './subscriptions.js';
import { Window } from './window.js';

export type { FlowRoute } from './route-worker.js';

export interface FlowOptions {
  readonly name: string;
  /** Routes of one source session; they share broker, protocol, kind of `from` and guarantee of delivery. At least one. */
  readonly routes: readonly [FlowRoute, ...FlowRoute[]];
  readonly endpoint: Endpoint;
  readonly connect: Connect;
  /** Every set of lanes that the routes use, once each. */
  readonly lanes: readonly Lanes[];
  /** What other rules had the session subscribed to. */
  readonly former?: readonly MqttSubscription[];
  readonly log: Log;
}

interface OpenSource {
  readonly source: Source;
  readonly table: RouteTable<RouteWorker>;
  /** Credit that it has not used yet. */
  credit: number;
  /** Deliveries of it that are not settled yet. */
  outstanding: number;
}

/**
 * One source session at work: takes deliveries, hands them to the routes that match, and settles each delivery only after
 * every one of them has its message safe. Memory: never more than `inFlight` unsettled deliveries, fewer while they are large, also
 * across the loss of the source.
 */
export class Flow {
  readonly #options: FlowOptions;
  readonly #source: Supervisor;
  readonly #workers: readonly [RouteWorker, ...RouteWorker[]];
  readonly #limit: number;
  readonly #window: Window;
  /** Deliveries are accepted before their messages are sent. */
  readonly #atMostOnce: boolean;
  readonly #idPrefix = `ID:bridge-${randomBytes(6).toString('hex')}-`;
  #sequence = 0;
  #sources: readonly OpenSource[] = [];
  #granted = false;
  #grantScheduled = false;
  #outstanding = 0;
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #toldOfUnmatched = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    const [first, ...rest] = options.routes;
    const worker = (route: FlowRoute) => new RouteWorker(route, options.log);
    this.#workers = [worker(first), ...rest.map(worker)];
    this.#limit = Math.min(...options.routes.map(({ config }) => config.inFlight));
    this.#window = new Window(this.#limit);
    this.#atMostOnce = first.config.delivery === 'at-most-once';
    this.#source = new Supervisor({
      name: `${options.name} from ${options.endpoint.broker} over ${options.endpoint.protocol}`,
      endpoint: options.endpoint,
      connect: options.connect,
      log: options.log,
      onUp: (connection) => this.#subscribe(connection),
      onDown: () => {
        this.#sources = [];
        this.#granted = false;
      },
    });
  }

  start(): void {
    for (const lanes of this.#options.lanes) lanes.start();
    this.#source.start();
  }

  /** A lane has come up: with all of them open, the source may begin. */
  laneOpened(): void {
    this.#grantWhenReady();
  }

  /** No more deliveries, settle what is in flight (for at most `deadline` ms), close the lanes, then the source. */
  stop(deadline: number): Promise<void> {
    this.#stopped ??= this.#stop(deadline);
    return this.#stopped;
  }

  async #stop(deadline: number): Promise<void> {
    this.#stopping = true;
    for (const worker of this.#workers) worker.stop();
    const drained = this.#drain();
    const timeout = new AbortController();
    await Promise.race([
      drained,
      delay(deadline, undefined, { signal: timeout.signal }).catch(() => undefined),
    ]);
    timeout.abort();
    await Promise.all(this.#options.lanes.map((lanes) => lanes.stop()));
    await this.#source.stop();
  }

  /** What the session is subscribed to over MQTT. */
  mqttSubscriptions(): readonly MqttSubscription[] {
    return this.#subscriptions().flatMap(({ spec }) => (spec.kind === 'mqtt' ? spec.subscriptions : []));
  }

  #subscriptions() {
    return subscriptionsFor(this.#workers, this.#limit, this.#options.former);
  }

  connections(): ConnectionStatus[] {
    return [this.#source.status(), ...this.#options.lanes.flatMap((lanes) => lanes.status())];
  }

  routes(): RouteStatus[] {
    const blocked = this.connections().find(({ state }) => state !== 'up');
    return this.#workers.map((worker) => {
      const { obstacle } = worker;
      const waiting = blocked !== undefined || obstacle !== undefined;
      const reason = blocked?.reason ?? (obstacle && { code: obstacle.code, message: obstacle.message });
      return {
        name: worker.route.config.name,
        state: waiting ? 'waiting' : 'running',
        ...(waiting && reason !== undefined ? { reason } : {}),
        ...worker.counters(),
        oldestInFlightSeconds: Math.round(worker.oldestInFlight() / 1000),
      };
    });
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#sources.map(({ source }) => source.stop().catch(() => undefined)));
    if (this.#outstanding === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  async #subscribe(connection: Connection): Promise<void> {
    const opened: OpenSource[] = [];
    for (const { spec, readers } of this.#subscriptions()) {
      const table = new RouteTable(
        spec.kind,
        readers.map((worker) => ({ pattern: worker.route.config.from.pattern, route: worker })),
      );
      // It may hand over nothing before it has credit, and gets that only below.
      const open: OpenSource = {
        source: await connection.source(spec, (delivery) => this.#take(delivery, open)),
        table,
        credit: 0,
        outstanding: 0,
      };
      opened.push(open);
    }
    this.#sources = opened;
    this.#grantWhenReady();
  }

  #grantWhenReady(): void {
    if (this.#granted || this.#stopping || this.#sources.length === 0) return;
    if (!this.#options.lanes.every((lanes) => lanes.allOpen)) return;
    this.#granted = true;
    this.#grant();
  }

  /** Lets each source have its share of the window. What a lost source left in flight takes its place until it is sent. */
  #grant(): void {
    if (this.#stopping || !this.#granted) return;
    const alive = this.#sources.reduce((sum, { outstanding }) => sum + outstanding, 0);
    const share = Math.ceil((this.#window.size - (this.#outstanding - alive)) / this.#sources.length);
    for (const open of this.#sources) {
      const missing = share - open.credit - open.outstanding;
      if (missing <= 0) continue;
      open.credit += missing;
      open.source.grant(missing);
    }
  }

  #take(delivery: Delivery, open: OpenSource): void {
    this.#window.note(bodySize(delivery.message));
    open.credit--;
    open.outstanding++;
    this.#outstanding++;
    if (this.#atMostOnce) delivery.settle('accepted');
    void this.#deliver(delivery, open.table)
      .catch((cause: unknown) => {
        const { message } = asBridgeError(cause, 'mapping-failed');
        this.#options.log.error('delivery failed, it stays with its broker', { reason: message });
        return false;
      })
      .then((safe) => {
        open.outstanding--;
        this.#outstanding--;
        if (safe && !this.#atMostOnce) delivery.settle('accepted');
        if (this.#outstanding === 0) this.#idle?.();
        this.#grantSoon();
      });
    this.#grantSoon();
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
  async #deliver({ message, redelivered }: Delivery, table: RouteTable<RouteWorker>): Promise<boolean> {
    const arrival = { id: `${this.#idPrefix}${++this.#sequence}`, now: Date.now(), redelivered };
    const matches = table.match(message.address.name);
    if (matches.length === 0) this.#tellOfUnmatched(message);
    const done = await Promise.all(
      matches.map(async ({ route: worker, captures }) => {
        const safe = await worker.deliver(message, captures, arrival);
        if (!safe && this.#atMostOnce) worker.countLost();
        return safe;
      }),
    );
    return done.every((safe) => safe);
  }

  /** A durable session keeps the subscriptions that other rules made, and what came by them. */
  #tellOfUnmatched({ address }: Message): void {
    if (this.#toldOfUnmatched) return;
    this.#toldOfUnmatched = true;
    this.#options.log.warn(
      'messages that no rule takes, from subscriptions of former rules, are accepted and forgotten',
      {
        session: this.#options.name,
        from: describeAddress(address),
      },
    );
  }
}

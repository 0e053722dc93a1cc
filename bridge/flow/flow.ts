import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type {
  Connect,
  Connection,
  Delivery,
  Endpoint,
  MqttSubscription,
  Protocol,
  Source,
} from '../connectors/connector.js';
import { Supervisor } from '../connectors/supervisor.js';
import { asBridgeError, type BridgeError } from '../errors.js';
import { describeAddress } from '../message/address.js';
import type { Message } from '../message/message.js';
import type { Log } from '../observability/log.js';
import { RouteTable } from '../routing/route-table.js';
import type { ConnectionStatus, RouteStatus } from '../status.js';
import type { Lanes } from './lanes.js';
import { type FlowRoute, RouteWorker } from './route-worker.js';
import { subscriptionsFor } from './subscriptions.js';

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

/**
 * One source session at work: takes deliveries, hands them to the routes that match, and settles each delivery only after
 * every one of them has its message safe. Memory: never more than `inFlight` unsettled deliveries, also across the
 * loss of the source.
 */
export class Flow {
  readonly #options: FlowOptions;
  readonly #source: Supervisor;
  readonly #workers: readonly [RouteWorker, ...RouteWorker[]];
  readonly #limit: number;
  /** Deliveries are accepted before their messages are sent. */
  readonly #atMostOnce: boolean;
  readonly #idPrefix = `ID:bridge-${randomBytes(6).toString('hex')}-`;
  #sequence = 0;
  #sources: readonly Source[] = [];
  /** Of each source, by its place: deliveries that are not settled, those of its predecessors included. */
  readonly #unsettled: number[] = [];
  #granted = false;
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
    this.#atMostOnce = first.config.delivery === 'at-most-once';
    this.#source = new Supervisor({
      name: `${options.name} from ${options.endpoint.broker} over ${options.endpoint.protocol}`,
      endpoint: options.endpoint,
      connect: options.connect,
      log: options.log,
      hold: () => this.clientIdConflict(),
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

  /**
   * Over AMQP and STOMP a broker may refuse a second client of the same id; over MQTT the second one takes the place of the
   * first. So MQTT waits for what the others are told: a second bridge with the same rules then leaves the first one alone.
   */
  async clientIdConflict(
    protocol: Protocol = this.#options.endpoint.protocol,
  ): Promise<BridgeError | undefined> {
    if (protocol !== 'mqtt') return undefined;
    const others = [this.#source, ...this.#options.lanes.flatMap((lanes) => lanes.supervisors)].filter(
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
      const { refusal } = worker;
      const waiting = blocked !== undefined || refusal !== undefined;
      const reason = blocked?.reason ?? (refusal && { code: refusal.code, message: refusal.message });
      return {
        name: worker.route.config.name,
        state: waiting ? 'waiting' : 'running',
        ...(waiting && reason !== undefined ? { reason } : {}),
        ...worker.counters(),
      };
    });
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.stop().catch(() => undefined)));
    if (this.#outstanding === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  async #subscribe(connection: Connection): Promise<void> {
    const opened: Source[] = [];
    for (const [place, { spec, readers }] of this.#subscriptions().entries()) {
      const table = new RouteTable(
        spec.kind,
        readers.map((worker) => ({ pattern: worker.route.config.from.pattern, route: worker })),
      );
      opened.push(await connection.source(spec, (delivery) => this.#take(delivery, place, table)));
    }
    this.#sources = opened;
    this.#grantWhenReady();
  }

  #grantWhenReady(): void {
    if (this.#granted || this.#stopping || this.#sources.length === 0) return;
    if (!this.#options.lanes.every((lanes) => lanes.allOpen)) return;
    this.#granted = true;
    const share = Math.ceil(this.#limit / this.#sources.length);
    for (const [place, source] of this.#sources.entries()) {
      // What a lost source left in flight still takes its place in memory until it is sent.
      const free = share - (this.#unsettled[place] ?? 0);
      if (free > 0) source.grant(free);
    }
  }

  #take(delivery: Delivery, place: number, table: RouteTable<RouteWorker>): void {
    this.#outstanding++;
    this.#unsettled[place] = (this.#unsettled[place] ?? 0) + 1;
    if (this.#atMostOnce) delivery.settle('accepted');
    void this.#deliver(delivery, table)
      .catch((cause: unknown) => {
        const { message } = asBridgeError(cause, 'mapping-failed');
        this.#options.log.error('delivery failed, it stays with its broker', { reason: message });
        return false;
      })
      .then((safe) => {
        this.#outstanding--;
        if (safe && !this.#atMostOnce) delivery.settle('accepted');
        this.#freed(place);
      });
  }

  #freed(place: number): void {
    this.#unsettled[place] = (this.#unsettled[place] ?? 0) - 1;
    if (this.#outstanding === 0) this.#idle?.();
    if (this.#stopping || !this.#granted) return;
    this.#sources[place]?.grant(1);
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

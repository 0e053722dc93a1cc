import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RouteConfig, ToConfig } from '../config/config.js';
import type { Connect, Connection, Delivery, Endpoint, Source } from '../connectors/connector.js';
import { Supervisor } from '../connectors/supervisor.js';
import { asBridgeError, type BridgeError } from '../errors.js';
import { type Address, describeAddress } from '../message/address.js';
import type { Message } from '../message/message.js';
import type { Log } from '../observability/log.js';
import { type Match, RouteTable } from '../routing/route-table.js';
import type { Scope } from '../routing/template.js';
import type { ConnectionStatus, RouteStatus } from '../status.js';
import { deadLetterOf } from './dead-letter.js';
import type { Lanes } from './lanes.js';
import { mapMessage, orderKey, scopeOf } from './mapping.js';
import { subscriptionsFor } from './subscriptions.js';

/** Milliseconds before a dead letter that could not be kept is tried again: nothing is given up. */
const DEAD_LETTER_RETRY = 5_000;

/** One route and where its messages go. */
export interface FlowRoute {
  readonly config: RouteConfig;
  readonly to: readonly { readonly config: ToConfig; readonly lanes: Lanes }[];
  readonly deadLetter: { readonly address: Address; readonly lanes: Lanes };
}

export interface FlowOptions {
  readonly name: string;
  /** Routes of one source session; they share broker, protocol and kind of `from`. At least one. */
  readonly routes: readonly [FlowRoute, ...FlowRoute[]];
  readonly endpoint: Endpoint;
  readonly connect: Connect;
  /** Every set of lanes that the routes use, once each. */
  readonly lanes: readonly Lanes[];
  readonly log: Log;
}

interface Counters {
  received: number;
  delivered: number;
  deadLettered: number;
  inFlight: number;
}

interface OpenSource {
  readonly source: Source;
  readonly table: RouteTable<FlowRoute>;
}

/**
 * One source session at work: takes deliveries, maps their messages, sends them, and settles each delivery only after
 * every destination's broker has confirmed. Memory: never more than `inFlight` unsettled deliveries, also across the
 * loss of the source.
 */
export class Flow {
  readonly #options: FlowOptions;
  readonly #source: Supervisor;
  readonly #counters: ReadonlyMap<FlowRoute, Counters>;
  readonly #limit: number;
  readonly #idPrefix = `ID:bridge-${randomBytes(6).toString('hex')}-`;
  #sequence = 0;
  #sources: readonly OpenSource[] = [];
  #granted = false;
  #outstanding = 0;
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#counters = new Map(
      options.routes.map((route) => [route, { received: 0, delivered: 0, deadLettered: 0, inFlight: 0 }]),
    );
    this.#limit = Math.min(...options.routes.map(({ config }) => config.inFlight));
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
  async stop(deadline: number): Promise<void> {
    this.#stopping = true;
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

  connections(): ConnectionStatus[] {
    return [this.#source.status(), ...this.#options.lanes.flatMap((lanes) => lanes.status())];
  }

  routes(): RouteStatus[] {
    const blocked = this.connections().find(({ state }) => state !== 'up');
    return this.#options.routes.map((route) => {
      const counters = this.#counters.get(route) ?? {
        received: 0,
        delivered: 0,
        deadLettered: 0,
        inFlight: 0,
      };
      return {
        name: route.config.name,
        state: blocked === undefined ? 'running' : 'waiting',
        ...(blocked?.reason === undefined ? {} : { reason: blocked.reason }),
        ...counters,
        retried: [...new Set(route.to.map(({ lanes }) => lanes))].reduce(
          (sum, lanes) => sum + lanes.retried,
          0,
        ),
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
    for (const { spec, routes } of subscriptionsFor(this.#options.routes)) {
      const table = new RouteTable(
        spec.kind,
        routes.map((route) => ({ pattern: route.config.from.pattern, route })),
      );
      const source = await connection.source(spec, (delivery) => this.#take(delivery, table));
      opened.push({ source, table });
    }
    this.#sources = opened;
    this.#grantWhenReady();
  }

  #grantWhenReady(): void {
    if (this.#granted || this.#stopping || this.#sources.length === 0) return;
    if (!this.#options.lanes.every((lanes) => lanes.allOpen)) return;
    this.#granted = true;
    // What a lost source left in flight still takes its place in memory until it is sent.
    const free = Math.max(0, this.#limit - this.#outstanding);
    for (const { source } of this.#sources)
      if (free > 0) source.grant(Math.ceil(free / this.#sources.length));
  }

  #take(delivery: Delivery, table: RouteTable<FlowRoute>): void {
    this.#outstanding++;
    void this.#deliver(delivery, table.match(delivery.message.address.name)).then((outcome) => {
      this.#outstanding--;
      if (outcome === 'accepted') delivery.settle('accepted');
      this.#freed(table);
    });
  }

  #freed(table: RouteTable<FlowRoute>): void {
    if (this.#outstanding === 0) this.#idle?.();
    if (this.#stopping || !this.#granted) return;
    const open = this.#sources.find((candidate) => candidate.table === table) ?? this.#sources[0];
    open?.source.grant(1);
  }

  /** Sends to every destination of every route that matched; resolves `accepted` when all have confirmed. */
  async #deliver(
    delivery: Delivery,
    matches: readonly Match<FlowRoute>[],
  ): Promise<'accepted' | 'abandoned'> {
    const id = `${this.#idPrefix}${++this.#sequence}`;
    const sends: Promise<boolean>[] = [];
    for (const { route, captures } of matches)
      sends.push(this.#deliverTo(route, delivery.message, captures, id));
    const done = await Promise.all(sends);
    return done.every((safe) => safe) ? 'accepted' : 'abandoned';
  }

  /** True when the message is safe: confirmed by every destination, or kept as a dead letter. */
  async #deliverTo(
    route: FlowRoute,
    message: Message,
    captures: ReadonlyMap<string, string>,
    id: string,
  ): Promise<boolean> {
    const counters = this.#counters.get(route);
    if (counters !== undefined) {
      counters.received++;
      counters.inFlight++;
    }
    const scope = scopeOf(message, captures);
    const key = orderKey(route.config, message, scope);
    const sends = route.to.map((to) => this.#sendOne(route, to, { message, scope, key, id }));
    const safe = (await Promise.all(sends)).every((sent) => sent);
    if (counters !== undefined) {
      counters.inFlight--;
      if (safe) counters.delivered++;
    }
    return safe;
  }

  async #sendOne(
    route: FlowRoute,
    to: FlowRoute['to'][number],
    { message, scope, key, id }: { message: Message; scope: Scope; key: string; id: string },
  ): Promise<boolean> {
    try {
      // Mapping runs before the first await, so lanes get the messages in the order of their deliveries.
      await to.lanes.send(mapMessage(to.config, message, scope, { id, now: Date.now() }), key);
      return true;
    } catch (cause) {
      const error = asBridgeError(cause, 'mapping-failed');
      return error.transient ? false : this.#keepAsDeadLetter(route, message, error, { key, id });
    }
  }

  async #keepAsDeadLetter(
    route: FlowRoute,
    message: Message,
    error: BridgeError,
    { key, id }: { key: string; id: string },
  ): Promise<boolean> {
    const { address, lanes } = route.deadLetter;
    const fields = { route: route.config.name, from: describeAddress(message.address), code: error.code };
    while (!this.#stopping) {
      try {
        await lanes.send(
          deadLetterOf(message, { route: route.config.name, error, now: Date.now(), id }, address),
          key,
        );
        const counters = this.#counters.get(route);
        if (counters !== undefined) counters.deadLettered++;
        this.#options.log.warn('dead-lettered', { ...fields, reason: error.message });
        return true;
      } catch (cause) {
        const refusal = asBridgeError(cause, 'connection-lost');
        if (refusal.transient) return false;
        this.#options.log.error('dead letter refused, will try again', {
          ...fields,
          reason: refusal.message,
        });
        await delay(DEAD_LETTER_RETRY, undefined, { ref: false });
      }
    }
    return false;
  }
}

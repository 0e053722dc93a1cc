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
import { mapMessage, orderKey, passes, scopeOf } from './mapping.js';
import { subscriptionsFor } from './subscriptions.js';

/** Milliseconds before a dead letter that was refused is tried again; the wait doubles: it may cost the lane its connection. */
const DEAD_LETTER_RETRY = { initial: 5_000, max: 300_000 };

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

/** What the bridge says of one route in health, as it changes. */
interface Tally {
  received: number;
  delivered: number;
  filtered: number;
  deadLettered: number;
  inFlight: number;
  /** Why the last dead letter was not taken; until one is. */
  refusal: BridgeError | undefined;
}

const newTally = (): Tally => ({
  received: 0,
  delivered: 0,
  filtered: 0,
  deadLettered: 0,
  inFlight: 0,
  refusal: undefined,
});

/** What became of a message at one destination. Abandoned: not safe anywhere; its source keeps it. */
type Fate = 'confirmed' | 'dead-lettered' | 'abandoned';

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
  readonly #tallies: ReadonlyMap<FlowRoute, Tally>;
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
    this.#tallies = new Map(options.routes.map((route) => [route, newTally()]));
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
      const { refusal, ...counters } = this.#tallyOf(route);
      const waiting = blocked !== undefined || refusal !== undefined;
      const reason = blocked?.reason ?? (refusal && { code: refusal.code, message: refusal.message });
      const lanes = [...new Set(route.to.map((to) => to.lanes))];
      return {
        name: route.config.name,
        state: waiting ? 'waiting' : 'running',
        ...(waiting && reason !== undefined ? { reason } : {}),
        ...counters,
        retried: lanes.reduce((sum, { retried }) => sum + retried, 0),
      };
    });
  }

  #tallyOf(route: FlowRoute): Tally {
    const tally = this.#tallies.get(route);
    if (tally === undefined) throw new RangeError(`no route ${route.config.name} in this flow`);
    return tally;
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
    for (const { spec, routes } of subscriptionsFor(this.#options.routes, this.#limit)) {
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
    void this.#deliver(delivery.message, table)
      .catch((cause: unknown) => {
        const { message } = asBridgeError(cause, 'mapping-failed');
        this.#options.log.error('delivery failed, it stays with its broker', { reason: message });
        return false;
      })
      .then((safe) => {
        this.#outstanding--;
        if (safe) delivery.settle('accepted');
        this.#freed(table);
      });
  }

  #freed(table: RouteTable<FlowRoute>): void {
    if (this.#outstanding === 0) this.#idle?.();
    if (this.#stopping || !this.#granted) return;
    const open = this.#sources.find((candidate) => candidate.table === table) ?? this.#sources[0];
    open?.source.grant(1);
  }

  /** Sends to every destination of every route that matches; resolves true when the message is safe at each. */
  async #deliver(message: Message, table: RouteTable<FlowRoute>): Promise<boolean> {
    const id = `${this.#idPrefix}${++this.#sequence}`;
    const matches = table.match(message.address.name);
    const done = await Promise.all(matches.map((match) => this.#deliverTo(match, message, id)));
    return done.every((safe) => safe);
  }

  /** True when the message is safe: confirmed by every destination, or kept as a dead letter. */
  async #deliverTo({ route, captures }: Match<FlowRoute>, message: Message, id: string): Promise<boolean> {
    const tally = this.#tallyOf(route);
    tally.received++;
    tally.inFlight++;
    const fates = await this.#fatesOf(route, message, scopeOf(message, captures), id);
    tally.inFlight--;
    if (fates.length === 0) tally.filtered++;
    else if (fates.every((fate) => fate === 'confirmed')) tally.delivered++;
    return !fates.includes('abandoned');
  }

  /** One a destination; one alone for a message that the rule cannot judge, none for one that it does not want. */
  async #fatesOf(route: FlowRoute, message: Message, scope: Scope, id: string): Promise<Fate[]> {
    let key: string;
    try {
      if (!passes(route.config, scope)) return [];
      key = orderKey(route.config, message, scope);
    } catch (cause) {
      const error = asBridgeError(cause, 'mapping-failed');
      return [await this.#keepAsDeadLetter(route, message, error, { key: message.address.name, id })];
    }
    return Promise.all(route.to.map((to) => this.#sendOne(route, to, { message, scope, key, id })));
  }

  async #sendOne(
    route: FlowRoute,
    to: FlowRoute['to'][number],
    { message, scope, key, id }: { message: Message; scope: Scope; key: string; id: string },
  ): Promise<Fate> {
    try {
      // Mapping runs before the first await, so lanes get the messages in the order of their deliveries.
      await to.lanes.send(mapMessage(to.config, message, scope, { id, now: Date.now() }), key);
      return 'confirmed';
    } catch (cause) {
      const error = asBridgeError(cause, 'mapping-failed');
      return error.transient ? 'abandoned' : this.#keepAsDeadLetter(route, message, error, { key, id });
    }
  }

  async #keepAsDeadLetter(
    route: FlowRoute,
    message: Message,
    error: BridgeError,
    { key, id }: { key: string; id: string },
  ): Promise<Fate> {
    const { address, lanes } = route.deadLetter;
    const tally = this.#tallyOf(route);
    const fields = { route: route.config.name, from: describeAddress(message.address), code: error.code };
    let bare = false;
    let wait = DEAD_LETTER_RETRY.initial;
    while (!this.#stopping) {
      const reason = { route: route.config.name, error, now: Date.now(), id, bare };
      try {
        await lanes.send(deadLetterOf(message, reason, address), key);
        tally.deadLettered++;
        tally.refusal = undefined;
        this.#options.log.warn('dead-lettered', { ...fields, reason: error.message });
        return 'dead-lettered';
      } catch (cause) {
        const refusal = asBridgeError(cause, 'connection-lost');
        if (refusal.transient) return 'abandoned';
        tally.refusal = refusal;
        const log = { ...fields, reason: refusal.message };
        this.#options.log.error('dead letter refused, will try again', log);
        // First without what the message brought along, then again and again: nothing is given up.
        if (bare) {
          await delay(wait, undefined, { ref: false });
          wait = Math.min(wait * 2, DEAD_LETTER_RETRY.max);
        }
        bare = true;
      }
    }
    return 'abandoned';
  }
}

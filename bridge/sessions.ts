import type { BrokerConfig, Config, ReplyTarget, RouteConfig, ToConfig } from './config/config.js';
import { fingerprint } from './config/fingerprint.js';
import { leftBehind } from './config/left-behind.js';
import { BridgeError } from './errors.js';
import { Exchange, isRequestRoute, type RequestRoute } from './flow/exchange.js';
import { type Planner, plannerOf } from './flow/plan.js';
import type { RouteChanges } from './status.js';

/** Which source sessions the rules ask for, what each is made of, and what other rules would change. */

/** One route of a session, before it has lanes. */
export interface SessionRoute {
  readonly config: RouteConfig;
  /** The rule that it comes from: the same, or the one whose answers it brings back. */
  readonly rule: RouteConfig;
  /** Where it sends to, in the order of the planner's destinations. */
  readonly outputs: readonly (ToConfig | ReplyTarget)[];
  /** What each of them is called in the rule. */
  readonly destinations: readonly string[];
  readonly plan: Planner;
}

export type SessionRoutes = readonly [SessionRoute, ...SessionRoute[]];

/** The requests of each rule that wait for answers; they outlast a reload that leaves the rule as it is. */
export class Exchanges {
  readonly #known = new Map<string, { readonly fingerprint: string; readonly exchange: Exchange }>();

  of(route: RequestRoute, namespace: string): Exchange {
    const now = fingerprint(route, namespace);
    const known = this.#known.get(route.name);
    if (known?.fingerprint === now) return known.exchange;
    const exchange = new Exchange(route, { namespace });
    this.#known.set(route.name, { fingerprint: now, exchange });
    return exchange;
  }

  /** Forgets the rules that are gone. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
  }
}

/**
 * Routes that name the same `connection` share one source session; every other route has its own, and so have the answers to a
 * route's requests.
 */
export function sessionsOf(
  config: Config,
  exchanges: Exchanges,
): Map<string, [SessionRoute, ...SessionRoute[]]> {
  const groups = new Map<string, [SessionRoute, ...SessionRoute[]]>();
  exchanges.keepOnly(new Set(config.routes.map(({ name }) => name)));
  for (const route of config.routes) {
    if (!route.enabled) continue;
    const exchange = isRequestRoute(route)
      ? exchanges.of(route, duplicateNamespace(route, config))
      : undefined;
    const namespace = duplicateNamespace(route, config);
    const plan = exchange === undefined ? plannerOf(route, { namespace }) : exchange.planRequest;
    const session: SessionRoute = {
      config: route,
      rule: route,
      outputs: route.to,
      destinations: route.to.map(destinationName),
      plan,
    };
    const name = sessionOf(route);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [session]);
    else group.push(session);
    if (exchange === undefined) continue;
    const { config: answers, outputs } = exchange.answers;
    const destinations = outputs.map(({ allows }) =>
      'pattern' in allows ? `${allows.pattern.kind} ${allows.pattern.text}` : `temporary ${allows.temporary}`,
    );
    groups.set(answers.name, [
      { config: answers, rule: route, outputs, destinations, plan: exchange.planAnswer },
    ]);
  }
  return groups;
}

/** Bridges that share the work of a route mean the same message by one key; others, by chance of the same name, do not. */
export function duplicateNamespace({ from }: RouteConfig, config: Config): string {
  return from.share ?? brokerNamed(config, from.broker).clientId;
}

/** What a destination is called in its rule: `topic rooms.{room} on activemq`. */
export const destinationName = ({ kind, name, broker }: ToConfig): string =>
  `${kind} ${name.text} on ${broker}`;

/** All that a session is made of. */
export function fingerprintOf(routes: SessionRoutes, config: Config): string {
  const brokers = routes.flatMap(({ config: { from }, outputs }) =>
    [from, ...outputs].map(({ broker }) => broker),
  );
  return fingerprint(
    routes.map(({ rule }) => rule),
    // A canary has connections of its own: the routes do not notice a change of it.
    [...new Set(brokers)].map((name) => ({ ...brokerNamed(config, name), canary: undefined })),
  );
}

/** What becomes of each route, by name. */
export function changesBetween(old: Config, next: Config, keptSessions: ReadonlySet<string>): RouteChanges {
  const running = (config: Config) =>
    new Map(config.routes.filter(({ enabled }) => enabled).map((route) => [route.name, sessionOf(route)]));
  const before = running(old);
  const after = running(next);
  const names = [...after.keys()];
  const stays = (name: string) => keptSessions.has(after.get(name) ?? '');
  return {
    unchanged: names.filter((name) => before.has(name) && stays(name)),
    changed: names.filter((name) => before.has(name) && !stays(name)),
    added: names.filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    left: leftBehind(old, next),
  };
}

const sessionOf = (route: RouteConfig): string => route.from.connection ?? route.name;

/** @throws BridgeError configuration-invalid */
export function brokerNamed(config: Config, name: string): BrokerConfig {
  const broker = config.brokers.get(name);
  if (broker === undefined)
    throw new BridgeError('configuration-invalid', `there is no broker named ${name}`);
  return broker;
}

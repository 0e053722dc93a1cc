import { answersOf } from '../config/client-ids.js';
import type { OutputConfig, ReplyConfig, ReplyTarget, RouteConfig } from '../config/config.js';
import { BridgeError } from '../errors.js';
import {
  type Address,
  describeAddress,
  isBrokerMadeName,
  isLiteral,
  renderPattern,
} from '../message/address.js';
import type { Message } from '../message/message.js';
import { decodeLevel, encodeLevel, keepBeginning } from '../routing/name-codec.js';
import { RouteTable } from '../routing/route-table.js';
import { renderTemplate, type Scope } from '../routing/template.js';
import { type Arrival, mapContents, scopeOf } from './mapping.js';
import { PendingRequests } from './pending-requests.js';
import { type Asked, checkHops, destinationLimit, type Plan, type Planner, plannerOf } from './plan.js';

/** A rule whose messages are requests. */
export type RequestRoute = RouteConfig & { readonly reply: ReplyConfig };

export function isRequestRoute(route: RouteConfig): route is RequestRoute {
  return route.reply !== undefined;
}

/** A request that was sent on, and what its answer needs. */
interface Request {
  /** Where the answer goes; undefined when nobody wants one. */
  readonly asker?: Asker;
  /** What the asker calls its request. */
  readonly correlationId?: string;
  /** The name of the address that the request came from. */
  readonly topic: string;
}

interface Asker {
  readonly address: Address;
  /** The place in `reply.to` of what allows this address. */
  readonly target: number;
  /** What the pattern of that target captured in the address. */
  readonly captures: ReadonlyMap<string, string>;
}

export interface ExchangeOptions {
  readonly namespace?: string;
  readonly newId?: () => string;
}

/** Characters of a name or an id that is kept for the time of a request. */
const LONGEST_KEPT = 1_000;

/**
 * Request and reply through the bridge: a request goes on with an id of the bridge's own in place of the asker's, and the
 * answer that names this id goes to where the asker wanted it, if the rule allows that place. The asker's address never leaves the
 * bridge, and no answer can choose where it goes.
 */
export class Exchange {
  readonly #route: RequestRoute;
  readonly #pending: PendingRequests<Request>;
  readonly #allowed: RouteTable<number>[];
  readonly #admit: (to: Address) => void;
  readonly planRequest: Planner;

  /** `newId` makes the ids of requests; given only for dry runs. `namespace`: see `PlannerOptions`. */
  constructor(route: RequestRoute, { namespace = '', newId }: ExchangeOptions = {}) {
    const { reply } = route;
    this.#route = route;
    this.#pending = new PendingRequests(reply.pending, reply.within, newId);
    this.#allowed = (['mqtt', 'queue', 'topic'] as const).map(
      (kind) =>
        new RouteTable(
          kind,
          reply.to.flatMap(({ allows }, index) =>
            'pattern' in allows && allows.pattern.kind === kind
              ? [{ pattern: allows.pattern, route: index }]
              : [],
          ),
        ),
    );
    this.planRequest = plannerOf(route, {
      namespace,
      ask: (message, scope, arrival) => this.#ask(message, scope, arrival),
    });
    this.#admit = destinationLimit(route.limits.destinations);
  }

  /** The route that brings the answers back: `NAME.reply`. It sends to the places of `reply.to`, in their order. */
  get answers(): { readonly config: RouteConfig; readonly outputs: readonly ReplyTarget[] } {
    const { reply, name, enabled, inFlight, retry, limits, deadLetter } = this.#route;
    return {
      config: {
        name: answersOf(name),
        enabled,
        from: reply.from,
        to: [],
        inFlight,
        delivery: 'at-least-once',
        retry,
        limits: { hops: limits.hops },
        deadLetter,
      },
      outputs: reply.to,
    };
  }

  /** What goes to the asker; undefined for an answer that nobody wanted. Throws `no-request` for one to no open request. */
  readonly planAnswer: Planner = (message, captures, arrival): Plan | undefined => {
    const { reply } = this.#route;
    const id = idOf(reply, message, captures, arrival);
    const found = id === undefined ? undefined : this.#pending.find(id, arrival.now);
    if (found === undefined) throw this.#unexpected(id);
    const { request, left } = found;
    if (request.asker === undefined) return undefined;
    checkHops(message, this.#route.limits);
    const { address, target: index, captures: ofAddress } = request.asker;
    const target = reply.to[index];
    if (target === undefined) throw new RangeError(`no reply target ${index} in ${this.#route.name}`);
    const known = new Map<string, unknown>([['request', requestFields(request)]]);
    const scope = scopeOf(message, new Map([...captures, ...ofAddress]), arrival, known);
    const contents = mapContents(address.kind, withTimeLeft(target, left), message, scope, arrival);
    const { correlationId: _, ...others } = contents;
    const correlation = request.correlationId === undefined ? {} : { correlationId: request.correlationId };
    return {
      orderKey: address.name,
      sends: [{ to: index, result: { ...others, ...correlation, to: address } }],
    };
  };

  #ask(message: Message, scope: Scope, { now }: Arrival): Asked {
    const { reply } = this.#route;
    const asker = this.#askerOf(message, scope);
    const correlationId = text(reply, 'correlationId', scope) ?? message.correlationId ?? message.id;
    mayBeKept('its correlation id', correlationId);
    mayBeKept('the name of its source', message.address.name);
    const id = this.#pending.open(
      {
        topic: message.address.name,
        ...(asker === undefined ? {} : { asker }),
        ...(correlationId === undefined ? {} : { correlationId }),
      },
      now,
    );
    const { broker, pattern } = reply.from;
    const variables = new Map([['reply', new Map([['id', id]])]]);
    if (!isLiteral(pattern)) return { correlationId: id, variables };
    const name = renderPattern(pattern, { one: '', rest: '' });
    return { correlationId: id, replyTo: { broker, address: { kind: pattern.kind, name } }, variables };
  }

  /** @throws BridgeError `destination-refused` for an address that no `reply.to` of the rule allows */
  #askerOf(message: Message, scope: Scope): Asker | undefined {
    const written = text(this.#route.reply, 'replyTo', scope);
    const address: Address | undefined =
      written === undefined ? message.replyTo : { kind: this.#route.from.kind, name: written };
    if (address === undefined) return undefined;
    mayBeKept('its reply address', address.name);
    const asker = this.#allow(address);
    if (asker !== undefined) {
      // A temporary one is gone with its asker.
      if (!address.temporary) this.#admit(address);
      return asker;
    }
    throw new BridgeError(
      'destination-refused',
      `the message wants its answer at ${address.temporary ? 'temporary ' : ''}${describeAddress(address)}, which no reply.to of the rule allows`,
    );
  }

  #allow(address: Address): Asker | undefined {
    if (address.temporary) {
      const target = this.#route.reply.to.findIndex(
        ({ allows }) => 'temporary' in allows && allows.temporary === address.kind,
      );
      return target === -1 || !isBrokerMadeName(address.name)
        ? undefined
        : { address, target, captures: new Map() };
    }
    const [match] = this.#allowed.find(({ kind }) => kind === address.kind)?.match(address.name) ?? [];
    if (match === undefined) return undefined;
    const allows = this.#route.reply.to[match.route]?.allows;
    const openBeginning =
      allows !== undefined && 'pattern' in allows && typeof allows.pattern.levels[0] === 'string';
    if (!isPlain(address, openBeginning)) return undefined;
    return { address, target: match.route, captures: match.captures };
  }

  #unexpected(id: string | undefined): BridgeError {
    const { reply } = this.#route;
    return new BridgeError(
      'no-request',
      id === undefined
        ? 'the answer does not say which request it is to'
        : `no request waits for this answer: it came later than the ${reply.within} ms of reply.within, before it ${reply.pending} others came, or the bridge was started anew`,
    );
  }
}

function idOf(
  reply: ReplyConfig,
  message: Message,
  captures: ReadonlyMap<string, string>,
  arrival: Arrival,
): string | undefined {
  return reply.id === undefined
    ? message.correlationId
    : renderTemplate(reply.id, scopeOf(message, captures, arrival), (value) => value);
}

/** An answer on a temporary destination is of no use to anyone after its asker stopped waiting. */
function withTimeLeft(target: ReplyTarget, left: number): OutputConfig {
  return 'temporary' in target.allows && target.ttl === undefined ? { ...target, ttl: left } : target;
}

function requestFields({ topic, correlationId }: Request): ReadonlyMap<string, string> {
  return new Map([
    ['topic', topic],
    ...(correlationId === undefined ? [] : [['correlationId', correlationId] as const]),
  ]);
}

/**
 * Wildcards; what Classic takes for more than one name, for an option or for a wildcard in JMS; what ends the connection on some
 * broker (MQTT 3.1.1, 1.5.3).
 */
const UNSAFE_IN_MQTT = /[+#,?*>\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;

/** @throws BridgeError `limit-exceeded`: thousands of requests wait at a time */
function mayBeKept(what: string, text: string | undefined): void {
  if (text !== undefined && text.length > LONGEST_KEPT)
    throw new BridgeError(
      'limit-exceeded',
      `${what} has ${text.length} characters; a request with more than ${LONGEST_KEPT} is not kept`,
    );
}

/**
 * Holds nothing that a broker would take for more than a name: on JMS every level is as the bridge itself would write it. With an open
 * beginning it must not be one that brokers keep for themselves either.
 */
function isPlain({ kind, name }: Address, openBeginning: boolean): boolean {
  if (kind === 'mqtt')
    return !UNSAFE_IN_MQTT.test(name) && (!openBeginning || keepBeginning(name, 0) === name);
  const asWritten = name.split('.').every((level) => encodeLevel(decodeLevel(level)) === level);
  return asWritten && (!openBeginning || keepBeginning(name, 0) === name);
}

const text = (reply: ReplyConfig, key: 'replyTo' | 'correlationId', scope: Scope): string | undefined => {
  const template = reply[key];
  return template === undefined ? undefined : renderTemplate(template, scope, (value) => value);
};

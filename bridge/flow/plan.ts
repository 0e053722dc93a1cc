import { createHash } from 'node:crypto';
import type { LimitsConfig, RouteConfig } from '../config/config.js';
import { asBridgeError, BridgeError } from '../errors.js';
import { type Address, describeAddress } from '../message/address.js';
import { HOPS, hopsOf } from '../message/hops.js';
import type { Message, OutboundMessage } from '../message/message.js';
import type { Scope } from '../routing/template.js';
import {
  type Arrival,
  bodySize,
  type Defaults,
  dedupeKey,
  mapMessage,
  orderKey,
  passes,
  scopeOf,
} from './mapping.js';

/** What a route makes of one message, before anything is sent. */
export interface Plan {
  readonly orderKey: string;
  /** Of messages with the same key only the first is sent. */
  readonly dedupeKey?: string;
  readonly sends: readonly PlannedSend[];
}

/** What goes to one destination of the rule, or why nothing can. */
export interface PlannedSend {
  /** The destination's place in the rule's `to`. */
  readonly to: number;
  readonly result: OutboundMessage | BridgeError;
}

/**
 * Maps the messages of one route; undefined for one that it does not want.
 * @throws BridgeError, never transient, for one that it cannot judge or that is over a limit
 */
export type Planner = (
  message: Message,
  captures: ReadonlyMap<string, string>,
  arrival: Arrival,
) => Plan | undefined;

/** What a request's messages have besides what the rule says, and the names that its templates can use in addition. */
export interface Asked extends Defaults {
  readonly variables: ReadonlyMap<string, unknown>;
}

export interface PlannerOptions {
  /** Keeps what a broker takes for duplicates apart from the messages of other bridges. */
  readonly namespace?: string;
  /** Called for each message that the rule takes, if they are requests. */
  readonly ask?: (message: Message, scope: Scope, arrival: Arrival) => Asked;
}

/** The planner of a rule. It remembers the names that it has made, when the rule limits how many there may be. */
export function plannerOf(route: RouteConfig, { namespace = '', ask }: PlannerOptions = {}): Planner {
  const { limits } = route;
  const admit = destinationLimit(limits.destinations);
  return (message, captures, arrival) => {
    let scope = scopeOf(message, captures, arrival);
    if (!passes(route, scope)) return undefined;
    checkHops(message, limits);
    if (limits.bytes !== undefined) checkSize(message, limits.bytes);
    const asked = ask?.(message, scope, arrival);
    if (asked !== undefined) scope = scopeOf(message, captures, arrival, asked.variables);
    const key = digestOf(dedupeKey(route, scope));
    return {
      orderKey: orderKey(route, message, scope),
      ...(key === undefined ? {} : { dedupeKey: key }),
      sends: route.to.map((to, index): PlannedSend => {
        try {
          const mapped = mapMessage(to, message, scope, arrival, asked);
          admit(mapped.to);
          return {
            to: index,
            result:
              key === undefined
                ? mapped
                : { ...mapped, duplicateId: `${namespace}/${route.name}/${index}/${key}` },
          };
        } catch (error) {
          return { to: index, result: asBridgeError(error, 'mapping-failed') };
        }
      }),
    };
  };
}

/** In place of a text of any length, where many of them are remembered. */
function digestOf<Text extends string | undefined>(text: Text): Text | string {
  return text === undefined ? text : createHash('sha256').update(text).digest('base64');
}

/** @throws BridgeError `loop-detected` for a message that has passed as many bridges as the rule allows */
export function checkHops({ properties }: Message, limits: LimitsConfig): void {
  const hops = hopsOf(properties);
  if (hops >= limits.hops)
    throw new BridgeError(
      'loop-detected',
      `the message has passed ${hops} ${hops === 1 ? 'bridge' : 'bridges'} (${HOPS}), and limits.hops of the rule is ${limits.hops}: rules that no single file shows seem to feed each other in a circle (another bridge, another file, a broker's own bridge); end the circle, or raise limits.hops if messages do pass that many`,
    );
}

function checkSize(message: Message, limit: number): void {
  const size = bodySize(message);
  if (size > limit)
    throw new BridgeError(
      'limit-exceeded',
      `the body has ${size} bytes, more than the ${limit} that limits.bytes of the rule takes`,
    );
}

/** Remembers names, as many as the limit, if there is one; throws `limit-exceeded` for one more. */
export function destinationLimit(limit: number | undefined): (to: Address) => void {
  if (limit === undefined) return () => {};
  const known = new Set<string>();
  return (to) => {
    const name = digestOf(`${to.kind} ${to.name}`);
    if (known.has(name)) return;
    if (known.size >= limit)
      throw new BridgeError(
        'limit-exceeded',
        `${describeAddress(to)} would be one destination more than the ${limit} that limits.destinations of the rule takes`,
      );
    known.add(name);
  };
}

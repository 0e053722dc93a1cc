import type { Config, RouteConfig, ToConfig } from '../config/config.js';
import { didYouMean } from '../config/nearest.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import { asBridgeError, BridgeError } from '../errors.js';
import { Exchange, isRequestRoute } from '../flow/exchange.js';
import { scopeOf } from '../flow/mapping.js';
import { plannerOf } from '../flow/plan.js';
import type { Address } from '../message/address.js';
import type { Message, OutboundMessage, PropertyValue } from '../message/message.js';
import { isSteeringProperty } from '../message/steering.js';
import {
  ALWAYS_KNOWN,
  conjunctsOf,
  ExpressionError,
  parseExpression,
  questionsOf,
} from '../routing/expression.js';
import type { Scope } from '../routing/template.js';
import { matchSource } from './trial-source.js';

/** What the rules would do with one message: the same matching and mapping as in a flow, without a broker. */

/** What `{reply.id}` is in a trial. */
const TRIAL_REPLY_ID = 'reply-id';

const ARRIVAL = { id: 'ID:trial', now: 0, redelivered: false };

/** What comes out at one destination of a rule: a message, or why there can be none. */
export type Result =
  | { readonly to: ToConfig; readonly message: OutboundMessage }
  | { readonly to: ToConfig; readonly error: BridgeError };

/** Why a `where` does not take a message. */
export interface WhereReport {
  /** The parts of it that would have to be true and are not. */
  readonly untrue: readonly string[];
  /** What it asks of the message, with the value; undefined where the message has none. */
  readonly values: readonly { readonly text: string; readonly value: unknown }[];
}

export interface RouteTrial {
  readonly route: RouteConfig;
  readonly verdict:
    | {
        readonly kind: 'takes';
        readonly captures: ReadonlyMap<string, string>;
        readonly orderKey: string;
        readonly results: readonly Result[];
      }
    /** Its `from` is of another broker or kind of address, or another name. */
    | { readonly kind: 'no-match'; readonly reason: string; readonly nearness: number }
    /** `matches`: it would read the message. */
    | { readonly kind: 'disabled'; readonly matches: boolean }
    | {
        readonly kind: 'filtered';
        readonly captures: ReadonlyMap<string, string>;
        readonly where: WhereReport;
      }
    /** It cannot judge the message: a dead letter. */
    | {
        readonly kind: 'fails';
        readonly captures: ReadonlyMap<string, string>;
        readonly error: BridgeError;
        readonly where: WhereReport;
      };
}

/** Each rule of the file with what it would do with this message from this broker. */
export function tryRoutes(config: Config, message: Message, broker: string): RouteTrial[] {
  return config.routes.map((route) => ({ route, verdict: verdictOf(config, route, message, broker) }));
}

function verdictOf(
  config: Config,
  route: RouteConfig,
  given: Message,
  broker: string,
): RouteTrial['verdict'] {
  const match = matchSource(config, route, given.address, broker);
  if (!route.enabled) return { kind: 'disabled', matches: 'captures' in match };
  if (!('captures' in match)) return { kind: 'no-match', ...match };
  const { captures } = match;
  const message = asRead(config, route, given, match.name);
  const whyNot = () => reportOnWhere(route, captures, scopeOf(message, captures, ARRIVAL));
  try {
    const planner = isRequestRoute(route)
      ? new Exchange(route, { newId: () => TRIAL_REPLY_ID }).planRequest
      : plannerOf(route);
    const plan = planner(message, captures, { ...ARRIVAL, now: Date.now() });
    if (plan === undefined) return { kind: 'filtered', captures, where: whyNot() };
    const results = plan.sends.flatMap(({ to: index, result }) => {
      const to = route.to[index];
      return to === undefined ? [] : [checked(config, to, result)];
    });
    return { kind: 'takes', captures, orderKey: plan.orderKey, results };
  } catch (error) {
    return { kind: 'fails', captures, error: asBridgeError(error, 'mapping-failed'), where: whyNot() };
  }
}

/** A message that the connector would refuse before it sends is none. */
function checked(config: Config, to: ToConfig, result: OutboundMessage | BridgeError): Result {
  if (result instanceof BridgeError) return { to, error: result };
  try {
    checkName(config, to, result.to);
    return { to, message: result };
  } catch (error) {
    return { to, error: asBridgeError(error, 'mapping-failed') };
  }
}

function reportOnWhere(
  { where }: RouteConfig,
  captures: ReadonlyMap<string, string>,
  scope: Scope,
): WhereReport {
  if (where === undefined) return { untrue: [], values: [] };
  const evaluated = (text: string): unknown => {
    try {
      return parseExpression(text).evaluate(scope.variables());
    } catch (error) {
      if (error instanceof BridgeError || error instanceof ExpressionError) return undefined;
      throw error;
    }
  };
  const parts = conjunctsOf(where.text).map(({ text }) => text);
  return {
    untrue: parts.length === 1 ? [] : parts.filter((text) => evaluated(text) !== true),
    values: questionsOf(where.text, [...captures.keys(), ...ALWAYS_KNOWN])
      .filter(({ text }) => !captures.has(text))
      .map(({ text }) => ({ text, value: evaluated(text) })),
  };
}

/** As the route's connector would hand it over. STOMP and MQTT 5 have no properties but text; nobody gets what steers a broker. */
function asRead(config: Config, { from }: RouteConfig, given: Message, name: string): Message {
  let message = given;
  const isMqtt5 = from.via === 'mqtt' && config.brokers.get(from.broker)?.mqttVersion === 5;
  const { body } = message;
  if (from.via === 'mqtt' && !isMqtt5) {
    // MQTT 3.1.1 carries the body and nothing else.
    const { replyTo: _replyTo, correlationId: _correlationId, ttl: _ttl, ...carried } = message;
    message = { ...carried, properties: new Map() };
  }
  const properties = [...message.properties]
    .filter(([property]) => !isSteeringProperty(property))
    .map(([property, value]): [string, PropertyValue] => [
      property,
      from.via === 'stomp' || isMqtt5 ? String(value) : value,
    ]);
  return {
    ...message,
    address: { kind: from.kind, name },
    body: from.kind === 'mqtt' && typeof body === 'string' ? Buffer.from(body, 'utf8') : body,
    properties: new Map(properties),
  };
}

/** What the connector would refuse before it sends. */
function checkName(config: Config, to: ToConfig, address: Address): void {
  const broker = config.brokers.get(to.broker);
  if (broker === undefined || to.via === 'mqtt') return;
  const flavour = flavourOf(broker.type);
  if (to.via === 'amqp') flavour.amqp?.to(address);
  else flavour.stomp?.sendHeaders(address);
}

/**
 * The broker that a message comes from: the one named, the only one, or the only one where a route reads the address.
 * @throws BridgeError configuration-invalid for a broker that the file does not have, or when it must be said which
 */
export function brokerFor(config: Config, name: string | undefined, address: Address): string {
  const names = [...config.brokers.keys()];
  if (name !== undefined) {
    if (names.includes(name)) return name;
    const advice = didYouMean(name, names) || `; known: ${names.join(', ')}`;
    throw new BridgeError('configuration-invalid', `there is no broker ${JSON.stringify(name)}${advice}`);
  }
  const reading = names.filter((broker) =>
    config.routes.some((route) => route.enabled && 'captures' in matchSource(config, route, address, broker)),
  );
  const [only, ...others] = names.length === 1 ? names : reading;
  if (only !== undefined && others.length === 0) return only;
  throw new BridgeError(
    'configuration-invalid',
    `say which broker it comes from: ${names.map((one) => `--broker ${one}`).join(', ')}`,
  );
}

/** What a message may have besides address, body and properties. */
export type MessageHeaders = Partial<Omit<Message, 'address' | 'body' | 'properties'>>;

/** A message as it would come from there. */
export function messageFrom(
  address: Address,
  body: string,
  properties: ReadonlyMap<string, PropertyValue>,
  headers: MessageHeaders = {},
): Message {
  return {
    address,
    body: address.kind === 'mqtt' ? Buffer.from(body, 'utf8') : body,
    properties,
    persistent: true,
    retained: false,
    ...(address.kind === 'mqtt' ? { qos: 1 } : {}),
    ...headers,
  };
}

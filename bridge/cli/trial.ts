import type { Config, RouteConfig, ToConfig } from '../config/config.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import { asBridgeError, BridgeError } from '../errors.js';
import { Exchange, isRequestRoute } from '../flow/exchange.js';
import { plannerOf } from '../flow/plan.js';
import type { Address } from '../message/address.js';
import type { Message, OutboundMessage } from '../message/message.js';
import { RouteTable } from '../routing/route-table.js';

/** What the rules would do with one message: the same matching and mapping as in a flow, without a broker. */

/** What `{reply.id}` is in a trial. */
const TRIAL_REPLY_ID = 'reply-id';

/** What comes out at one destination of a rule: a message, or why there can be none. */
export type Result =
  | { readonly to: ToConfig; readonly message: OutboundMessage }
  | { readonly to: ToConfig; readonly error: BridgeError };

export interface RouteTrial {
  readonly route: RouteConfig;
  readonly verdict:
    | {
        readonly kind: 'takes';
        readonly captures: ReadonlyMap<string, string>;
        readonly results: readonly Result[];
      }
    /** Its `from` is of another broker or kind of address, or another name. */
    | { readonly kind: 'no-match'; readonly reason: string; readonly nearness: number }
    | { readonly kind: 'disabled' }
    | { readonly kind: 'filtered'; readonly captures: ReadonlyMap<string, string> }
    /** It cannot judge the message: a dead letter. */
    | { readonly kind: 'fails'; readonly error: BridgeError };
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
  const { from } = route;
  const { kind, name } = given.address;
  if (!route.enabled) return { kind: 'disabled' };
  if (from.broker !== broker)
    return { kind: 'no-match', reason: `it reads from the broker ${from.broker}`, nearness: -2 };
  if (from.kind !== kind)
    return { kind: 'no-match', reason: `it reads ${from.kind} ${from.pattern.text}`, nearness: -1 };
  const message = asRead(route, given, config);
  const [match] = new RouteTable(kind, [{ pattern: from.pattern, route }]).match(name);
  if (match === undefined) return noMatch(route, given.address);
  const arrival = { id: 'ID:trial', now: Date.now(), redelivered: false };
  try {
    const planner = isRequestRoute(route)
      ? new Exchange(route, () => TRIAL_REPLY_ID).planRequest
      : plannerOf(route);
    const plan = planner(message, match.captures, arrival);
    if (plan === undefined) return { kind: 'filtered', captures: match.captures };
    const results = plan.sends.flatMap(({ to: index, result }) => {
      const to = route.to[index];
      return to === undefined ? [] : [checked(config, to, result)];
    });
    return { kind: 'takes', captures: match.captures, results };
  } catch (error) {
    return { kind: 'fails', error: asBridgeError(error, 'mapping-failed') };
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

/** STOMP and MQTT 5 have no properties but text. */
function asRead({ from }: RouteConfig, message: Message, config: Config): Message {
  const isMqtt5 = from.via === 'mqtt' && config.brokers.get(from.broker)?.mqttVersion === 5;
  if (from.via !== 'stomp' && !isMqtt5) return message;
  const texts = [...message.properties].map(([name, value]): [string, string] => [name, String(value)]);
  return { ...message, properties: new Map(texts) };
}

/** What the connector would refuse before it sends. */
function checkName(config: Config, to: ToConfig, address: Address): void {
  const broker = config.brokers.get(to.broker);
  if (broker === undefined || to.via === 'mqtt') return;
  const flavour = flavourOf(broker.type);
  if (to.via === 'amqp') flavour.amqp?.to(address);
  else flavour.stomp?.sendHeaders(address);
}

function noMatch({ from }: RouteConfig, { name }: Address): RouteTrial['verdict'] {
  const separator = from.kind === 'mqtt' ? '/' : '.';
  const levels = name.split(separator);
  const wanted = from.pattern.levels;
  const differs = wanted.findIndex(
    (level, index) =>
      levels[index] === undefined || (typeof level === 'object' && level.literal !== levels[index]),
  );
  const subject = `${from.kind} ${from.pattern.text}`;
  if (differs === -1)
    return {
      kind: 'no-match',
      reason: `it reads ${subject}, which has ${wanted.length} levels, not ${levels.length}`,
      nearness: wanted.length,
    };
  const level = wanted[differs];
  const found = levels[differs] === undefined ? 'missing' : JSON.stringify(levels[differs]);
  const right = typeof level === 'object' ? `, not ${JSON.stringify(level.literal)}` : '';
  return {
    kind: 'no-match',
    reason: `it reads ${subject}; level ${differs + 1} is ${found}${right}`,
    nearness: differs,
  };
}

/** @throws BridgeError configuration-invalid for a broker that the file does not have, or when it must be said which */
export function brokerFor(config: Config, name: string | undefined): string {
  const names = [...config.brokers.keys()];
  const only = names.length === 1 ? names[0] : undefined;
  const found = name === undefined ? only : names.find((one) => one === name);
  if (found !== undefined) return found;
  const problem =
    name === undefined ? 'say which broker it comes from' : `there is no broker ${JSON.stringify(name)}`;
  throw new BridgeError('configuration-invalid', `${problem}: ${names.join(', ')}`);
}

/** A message as it would come from there. */
export function messageFrom(
  address: Address,
  body: string,
  more: Pick<Message, 'properties' | 'replyTo' | 'correlationId'>,
): Message {
  return {
    address,
    body: address.kind === 'mqtt' ? Buffer.from(body, 'utf8') : body,
    ...more,
    persistent: true,
    retained: false,
    ...(address.kind === 'mqtt' ? { qos: 1 } : {}),
  };
}

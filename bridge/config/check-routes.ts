import type { BrokerType, Protocol } from '../connectors/connector.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import { isReservedHeader } from '../connectors/flavours/stomp-headers.js';
import { type AddressKind, takes } from '../message/address.js';
import { isPropertyName } from '../message/property-name.js';
import { parsePattern } from '../routing/pattern.js';
import { checkTemplates, checkWhere, type Names } from './check-templates.js';
import { milliseconds } from './duration.js';
import { didYouMean, slipFor } from './nearest.js';
import { addressOf, brokerOf, KINDS, type MqttKeys, onlyOverMqtt, protocolsOf, viaOf } from './resolve.js';
import { type FromInput, keysAt, type Mapping, type RouteInput, type ToInput } from './schema.js';
import { type MapNode, type Node, nodeAt, type Report } from './source.js';

/** Keys of a `from` or `to` that have an effect only for some kinds of address. */
const ONLY_FOR: Readonly<Record<'from' | 'to', Readonly<Record<string, readonly AddressKind[]>>>> = {
  from: {
    qos: ['mqtt'],
    session: ['mqtt'],
    connection: ['mqtt'],
    share: ['mqtt'],
    selector: ['queue', 'topic'],
    durable: ['topic'],
  },
  // A JMS topic can ask for what its MQTT subscribers get.
  to: {
    properties: ['queue', 'topic'],
    copyProperties: ['queue', 'topic'],
    replyTo: ['queue', 'topic'],
    type: ['queue', 'topic'],
    correlationId: ['queue', 'topic'],
    group: ['queue', 'topic'],
    priority: ['queue', 'topic'],
    ttl: ['queue', 'topic'],
    persistent: ['queue', 'topic'],
    qos: ['mqtt', 'topic'],
    retain: ['mqtt', 'topic'],
  },
};

/** MQTT 3.1.1 has no place for properties and headers, MQTT 5 for these. */
const CARRIED_BY_MQTT_5: ReadonlySet<string> = new Set([
  'properties',
  'copyProperties',
  'correlationId',
  'replyTo',
  'ttl',
]);

/** What the keys of one route mean together, and with the brokers. */
export function checkRoutes(mapping: Mapping, root: Node, report: Report): void {
  const context = contextOf(mapping, root, report);
  for (const [name, route] of Object.entries(mapping.routes)) {
    const path = ['routes', name];
    const captures = checkFrom(route.from, nodeAt(root, [...path, 'from']), context);
    const names: Names | undefined = captures && { captures, ...(route.reply && { more: ['reply'] }) };
    const to = nodeAt(root, [...path, 'to']);
    if (Array.isArray(route.to)) {
      route.to.forEach((end, index) => {
        const node = nodeAt(root, [...path, 'to', index]);
        checkEnd('to', end, node, context);
        checkTemplates(node, names, report);
      });
    } else {
      checkEnd('to', route.to, to, context);
      checkTemplates(to, names, report);
    }
    checkOptions(route, nodeAt(root, path), names, report);
  }
  checkConnections(mapping, root, context.known ?? [], report);
}

/** What names its broker, or leaves it to there being only one. */
type HasBroker = Pick<FromInput | ToInput, 'broker'>;

/** What the checks of one end of a rule need to know. */
export interface Context {
  readonly mapping: Mapping;
  readonly brokers: MapNode | undefined;
  /** Every broker of the file, valid or not; undefined when that cannot be told. */
  readonly known: readonly string[] | undefined;
  readonly report: Report;
}

export function contextOf(mapping: Mapping, root: Node, report: Report): Context {
  const node = nodeAt(root, ['brokers']);
  const brokers = node?.kind === 'map' ? node : undefined;
  return { mapping, brokers, known: brokers && [...brokers.entries.keys()], report };
}

/** The names that a source captures; undefined when its pattern is not valid. */
export function checkFrom(
  from: FromInput,
  node: Node | undefined,
  context: Context,
): ReadonlySet<string> | undefined {
  checkEnd('from', from, node, context);
  const address = addressOf(from);
  if (address === undefined) return undefined;
  const captures = new Set(parsePattern(address.kind, address.text).captures.values());
  for (const name of ['topic', 'body', 'properties', 'message'])
    if (captures.has(name) && node !== undefined)
      context.report.at(
        nodeAt(node, [address.kind]) ?? node,
        `the capture {${name}} hides what {${name}} means in templates`,
        {
          severity: 'warning',
        },
      );
  return captures;
}

function checkEnd(
  side: 'from' | 'to',
  end: FromInput | ToInput,
  node: Node | undefined,
  context: Context,
): void {
  if (node?.kind !== 'map') return;
  const { report } = context;
  const given = [...node.entries].filter(([key]) => KINDS.some((kind) => kind === key));
  const [, second] = given;
  const known = keysAt(['routes', '', side]);
  if (given.length === 0 && !KINDS.some((kind) => slipFor(kind, node.entries.keys(), known) !== undefined))
    report.add('error', node.key ?? node.start, `"${side}" needs exactly one of "mqtt", "queue" and "topic"`);
  if (second !== undefined)
    report.add(
      'error',
      second[1].key ?? second[1].start,
      `"${side}" takes exactly one of "mqtt", "queue" and "topic"; this is another one`,
    );
  if (given.length !== 1) return;
  const kind = KINDS.find((one) => one === given[0]?.[0]);
  if (kind === undefined) return;
  checkReplyTo(kind, node, report);
  checkKeysFor(side, kind, node, end, context);
  checkPropertyNames(kind, node, context.report);
  checkBroker(side, kind, end, node, context);
}

/** JMS takes Java identifiers, MQTT 5 any text. */
export function checkPropertyNames(kind: AddressKind, node: MapNode, report: Report): void {
  const properties = node.entries.get('properties');
  if (kind === 'mqtt' || properties?.kind !== 'map') return;
  for (const [name, value] of properties.entries)
    if (name !== '' && !isPropertyName(name))
      report.add(
        'error',
        value.key ?? value.start,
        `"${name}" is no name that JMS takes: letters, digits, "_" and "$", no digit first, no word of selectors like "not"`,
      );
}

/** Keys that have no effect for this kind of address; `broker` is where that is. */
export function checkKeysFor(
  side: 'from' | 'to',
  kind: AddressKind,
  node: MapNode,
  broker: HasBroker,
  context: Context,
): void {
  for (const [key, kinds] of Object.entries(ONLY_FOR[side])) {
    const value = node.entries.get(key);
    if (value === undefined || kinds.includes(kind)) continue;
    const advice = kind === 'mqtt' && CARRIED_BY_MQTT_5.has(key) ? mqtt5Advice(broker, context) : ' only';
    if (advice !== undefined)
      context.report.add(
        'error',
        value.key ?? value.start,
        `"${key}" has no meaning here: it is for ${kinds.join(' and ')}${advice}`,
      );
  }
}

/** JMS clients can answer to a queue or a topic, MQTT clients to an MQTT topic. */
function checkReplyTo(kind: AddressKind, end: MapNode, report: Report): void {
  const node = end.entries.get('replyTo');
  if (node?.kind !== 'map') return;
  const right: readonly AddressKind[] = kind === 'mqtt' ? ['mqtt'] : ['queue', 'topic'];
  const given = KINDS.filter((one) => node.entries.has(one));
  const [only] = given;
  if (only === undefined || given.length > 1 || !right.includes(only))
    report.add(
      'error',
      node.key ?? node.start,
      `"replyTo" needs ${right.length === 1 ? '"mqtt"' : 'exactly one of "queue" and "topic"'} here`,
    );
}

/** What to do for a key that MQTT 5 carries; undefined when it is right as it is, or the broker has an error of its own. */
function mqtt5Advice(end: HasBroker, { known, mapping }: Context): string | undefined {
  const name = known === undefined ? undefined : brokerOf(end, known);
  const broker =
    name !== undefined && Object.hasOwn(mapping.brokers, name) ? mapping.brokers[name] : undefined;
  if (broker === undefined || broker.mqttVersion === 5) return undefined;
  const { product, mqtt } = flavourOf(broker.type);
  return mqtt.versions.includes(5)
    ? `, and for mqtt with "mqttVersion: 5" at the broker "${name}"`
    : `, and for mqtt in MQTT 5, which ${product} does not speak`;
}

export function checkBroker(
  side: 'from' | 'to',
  kind: AddressKind,
  end: Pick<FromInput | ToInput, 'broker' | 'via' | 'queue'> & MqttKeys,
  node: MapNode,
  context: Context,
): void {
  const { known, mapping, report } = context;
  if (known === undefined) return;
  const brokerNode = node.entries.get('broker');
  if (brokerNode !== undefined && end.broker === undefined) return;
  const name = brokerOf(end, known);
  if (name === undefined) {
    if (known.length > 0)
      report.add('error', node.key ?? node.start, `say which "broker": ${known.join(', ')}`);
    return;
  }
  if (!known.includes(name)) {
    const advice = didYouMean(name, known) || `; known: ${known.join(', ')}`;
    report.at(brokerNode ?? node, `there is no broker "${name}"${advice}`);
    return;
  }
  const broker = Object.hasOwn(mapping.brokers, name) ? mapping.brokers[name] : undefined;
  if (broker === undefined) return;
  const place = node.entries.get(kind) ?? node;
  const viaNode = node.entries.get('via');
  if (kind !== 'mqtt' && protocolsOf(broker.type).length === 1) {
    report.add(
      'error',
      place.key ?? place.start,
      `the broker "${name}" is of type ${broker.type}, which has only MQTT: a ${kind} needs activemq or artemis`,
    );
    return;
  }
  const { writtenVia, readAsJms } = flavourOf(broker.type).mqtt;
  const jmsVia = side === 'to' ? writtenVia : readAsJms?.via;
  const vias: readonly (string | undefined)[] = ['mqtt', jmsVia];
  const fits = kind === 'mqtt' ? vias.includes(end.via) : end.via !== 'mqtt';
  if (viaNode !== undefined && end.via !== undefined && !fits) {
    const right =
      kind !== 'mqtt'
        ? `a ${kind} is reached via amqp or stomp`
        : jmsVia !== undefined
          ? `an MQTT topic is ${side === 'to' ? 'written' : 'read'} via mqtt or ${jmsVia}`
          : '"via" is for queues and topics; leave it out';
    report.at(viaNode, right);
    return;
  }
  const mqttOnlyKey =
    side === 'from' && kind === 'mqtt' && end.via === jmsVia ? onlyOverMqtt(end) : undefined;
  if (viaNode !== undefined && mqttOnlyKey !== undefined) {
    const what =
      mqttOnlyKey === 'mqtt'
        ? 'a topic whose first level is a capture, or that has one of . \\ * : $ in a level,'
        : `what "${mqttOnlyKey}" says here`;
    report.at(viaNode, `${what} can only be read via mqtt; leave "via" out`);
    return;
  }
  const given = context.brokers?.entries.get(name);
  const keys = given?.kind === 'map' ? [...given.entries.keys()] : [];
  // A protocol or an address that is given but wrong has its own error already.
  const isGiven = (key: string) =>
    keys.includes(key) || slipFor(key, keys, keysAt(['brokers', ''])) !== undefined;
  const reachableAt = (protocol: Protocol) => isGiven('host') || isGiven(protocol);
  const via =
    viaNode !== undefined && end.via === undefined ? undefined : viaOf(side, end, kind, broker, reachableAt);
  if (side === 'from') warnOfCopies(kind, end, place, broker.type, report);
  const share = node.entries.get('share');
  const { product, mqtt } = flavourOf(broker.type);
  if (kind === 'mqtt' && share !== undefined && !mqtt.sharedSubscriptions)
    report.add(
      'error',
      share.key ?? share.start,
      `${product} grants a shared subscription and then delivers nothing; leave "share" out`,
    );
  const retain = node.entries.get('retain');
  const { retainsFrom } = mqtt;
  if (retain !== undefined && via !== undefined && !retainsFrom.includes(via))
    report.add(
      'error',
      retain.key ?? retain.start,
      `a broker of type ${broker.type} retains only what comes over ${retainsFrom.join(' or ')}, and this goes over ${via}`,
    );
  if (via === 'stomp') checkStompNames(node.entries.get('properties'), report);
  if (via !== undefined && !reachableAt(via))
    report.add(
      'error',
      viaNode?.start ?? place.key ?? place.start,
      `the broker "${name}" has no address for ${via}; give it a "host" or a "${via}" url`,
    );
}

function warnOfCopies(
  kind: AddressKind,
  end: Pick<FromInput, 'queue'>,
  place: Node,
  type: BrokerType,
  report: Report,
): void {
  const { product, copiesFromQueues } = flavourOf(type);
  if (kind !== 'queue' || copiesFromQueues !== true || end.queue === undefined) return;
  if (parsePattern('queue', end.queue).captures.size === 0) return;
  report.at(
    place,
    `on ${product} a pattern gets copies of what comes to these queues after its first start, and the queues keep theirs; to take messages, name one queue`,
    { severity: 'warning' },
  );
}

/** STOMP writes properties among its own headers. */
export function checkStompNames(properties: Node | undefined, report: Report): void {
  if (properties?.kind !== 'map') return;
  for (const [name, value] of properties.entries)
    if (isReservedHeader(name))
      report.add(
        'error',
        value.key ?? value.start,
        `STOMP has a header "${name.toLowerCase()}" of its own, so no property can be called that; write "via: amqp" or choose another name`,
      );
}

function checkOptions(
  route: RouteInput,
  node: Node | undefined,
  names: Names | undefined,
  report: Report,
): void {
  if (node === undefined) return;
  checkTemplates(nodeAt(node, ['orderBy']), names, report);
  checkTemplates(nodeAt(node, ['dedupe']), names, report);
  checkWhere(nodeAt(node, ['where']), names && { captures: names.captures }, report);
  const rate = nodeAt(node, ['limits', 'rate']);
  if (rate !== undefined && route.from.connection !== undefined)
    report.add(
      'warning',
      rate.key ?? rate.start,
      '"rate" holds up every route of this "connection", because they share one session; leave "connection" out here',
    );
  const { initial, max } = route.retry;
  const retry = nodeAt(node, ['retry']);
  if (retry !== undefined && milliseconds(initial) > milliseconds(max))
    report.add(
      'error',
      retry.key ?? retry.start,
      nodeAt(retry, ['initial']) === undefined
        ? `"max" is shorter than "initial", which is ${initial} ms where the file says nothing`
        : nodeAt(retry, ['max']) === undefined
          ? `"initial" is longer than "max", which is ${max} ms where the file says nothing`
          : '"initial" is longer than "max"',
    );
  const address = addressOf(route.from);
  if (address?.kind === 'queue' && takes(parsePattern('queue', address.text), route.deadLetter)) {
    const place = nodeAt(node, ['deadLetter']) ?? nodeAt(node, ['from', 'queue']) ?? node;
    report.at(
      place,
      'the route reads its own dead-letter queue: what cannot be delivered would go round for ever',
    );
  }
}

/** Routes that share a connection share one source session: it is of one broker and one kind. */
function checkConnections(mapping: Mapping, root: Node, known: readonly string[], report: Report): void {
  const first = new Map<string, { readonly route: string; readonly traits: SessionTraits }>();
  for (const [route, input] of Object.entries(mapping.routes)) {
    const { connection } = input.from;
    if (connection === undefined || !input.enabled) continue;
    const node = nodeAt(root, ['routes', route, 'from', 'connection']);
    const namesake = Object.hasOwn(mapping.routes, connection) ? mapping.routes[connection] : undefined;
    if (node !== undefined && namesake !== undefined && namesake.from.connection === undefined)
      report.at(
        node,
        `the route "${connection}" has a session of its own by that name; give the connection another name`,
      );
    const traits = sessionTraits(input, known);
    const other = first.get(connection);
    if (other === undefined) {
      first.set(connection, { route, traits });
      continue;
    }
    const differing = Object.entries(traits).find(
      ([trait, value]) => other.traits[trait as keyof SessionTraits] !== value,
    );
    if (node !== undefined && differing !== undefined)
      report.at(
        node,
        `the route "${other.route}" has this connection with another "${differing[0]}"; routes that share one have the same ${Object.keys(traits).join(', ')}`,
      );
  }
}

/** What routes of one source session have in common, by the key of the mapping file. */
interface SessionTraits {
  readonly broker: string | undefined;
  readonly session: string;
  readonly share: string | undefined;
  readonly inFlight: number;
  readonly delivery: string;
  readonly retry: string;
}

function sessionTraits(
  { from, inFlight, delivery, retry }: RouteInput,
  known: readonly string[],
): SessionTraits {
  return {
    broker: brokerOf(from, known),
    session: from.session,
    share: from.share,
    inFlight,
    delivery,
    retry: `${milliseconds(retry.initial)} to ${milliseconds(retry.max)}, ${retry.attempts}`,
  };
}

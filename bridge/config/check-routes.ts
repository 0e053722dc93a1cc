import { flavourOf } from '../connectors/flavours/flavour.js';
import type { AddressKind } from '../message/address.js';
import { parsePattern } from '../routing/pattern.js';
import { checkTemplates, checkWhere } from './check-templates.js';
import { milliseconds } from './duration.js';
import { didYouMean, slipFor } from './nearest.js';
import { addressOf, brokerOf, KINDS, protocolsOf, viaOf } from './resolve.js';
import { type FromInput, keysAt, type Mapping, type RouteInput, type ToInput } from './schema.js';
import { type MapNode, type Node, nodeAt, type Report } from './source.js';

/** Keys of a `from` or `to` that have an effect only for some kinds of address. */
const ONLY_FOR: Readonly<Record<'from' | 'to', Readonly<Record<string, readonly AddressKind[]>>>> = {
  from: {
    qos: ['mqtt'],
    session: ['mqtt'],
    connection: ['mqtt'],
    selector: ['queue', 'topic'],
    durable: ['topic'],
  },
  // MQTT 3.1.1 has no place for properties and headers; a JMS topic can ask for what its MQTT subscribers get.
  to: {
    properties: ['queue', 'topic'],
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

/** What the keys of one route mean together, and with the brokers. */
export function checkRoutes(mapping: Mapping, root: Node, report: Report): void {
  const brokersNode = nodeAt(root, ['brokers']);
  const brokers = brokersNode?.kind === 'map' ? brokersNode : undefined;
  const known = brokers === undefined ? undefined : [...brokers.entries.keys()];
  for (const [name, route] of Object.entries(mapping.routes)) {
    const path = ['routes', name];
    const context = { mapping, brokers, known, report };
    const captures = checkFrom(route, nodeAt(root, [...path, 'from']), context);
    const to = nodeAt(root, [...path, 'to']);
    if (Array.isArray(route.to)) {
      route.to.forEach((end, index) => {
        const node = nodeAt(root, [...path, 'to', index]);
        checkEnd('to', end, node, context);
        checkTemplates(node, captures, report);
      });
    } else {
      checkEnd('to', route.to, to, context);
      checkTemplates(to, captures, report);
    }
    checkOptions(route, nodeAt(root, path), captures, report);
  }
  checkConnections(mapping, root, known ?? [], report);
}

interface Context {
  readonly mapping: Mapping;
  readonly brokers: MapNode | undefined;
  /** Every broker of the file, valid or not; undefined when that cannot be told. */
  readonly known: readonly string[] | undefined;
  readonly report: Report;
}

/** The names that the route's templates can use; undefined when its pattern is not valid. */
function checkFrom(
  route: RouteInput,
  node: Node | undefined,
  context: Context,
): ReadonlySet<string> | undefined {
  checkEnd('from', route.from, node, context);
  const address = addressOf(route.from);
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
  const { known } = keysAt(['routes', '', side]);
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
  for (const [key, kinds] of Object.entries(ONLY_FOR[side])) {
    const value = node.entries.get(key);
    if (value !== undefined && !kinds.includes(kind))
      report.add(
        'error',
        value.key ?? value.start,
        `"${key}" has no meaning here: it is for ${kinds.join(' and ')} only`,
      );
  }
  checkBroker(side, kind, end, node, context);
}

function checkBroker(
  side: 'from' | 'to',
  kind: AddressKind,
  end: FromInput | ToInput,
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
  if (viaNode !== undefined && end.via !== undefined && (end.via === 'mqtt') !== (kind === 'mqtt')) {
    const right =
      kind === 'mqtt'
        ? '"via" is for queues and topics; leave it out'
        : `a ${kind} is reached via amqp or stomp`;
    report.at(viaNode, right);
    return;
  }
  // A protocol or an address that is given but wrong has its own error already.
  const via =
    viaNode !== undefined && end.via === undefined ? undefined : viaOf(side, end, kind, broker.type);
  const retain = node.entries.get('retain');
  const { retainsFrom } = flavourOf(broker.type).mqtt;
  if (retain !== undefined && via !== undefined && !retainsFrom.includes(via))
    report.add(
      'error',
      retain.key ?? retain.start,
      `a broker of type ${broker.type} retains only what comes over ${retainsFrom.join(' or ')}, and this goes over ${via}`,
    );
  const given = context.brokers?.entries.get(name);
  const keys = given?.kind === 'map' ? [...given.entries.keys()] : [];
  const reachable = (key: string) =>
    keys.includes(key) || slipFor(key, keys, keysAt(['brokers', '']).known) !== undefined;
  if (via !== undefined && !reachable('host') && !reachable(via))
    report.add(
      'error',
      viaNode?.start ?? place.key ?? place.start,
      `the broker "${name}" has no address for ${via}; give it a "host" or a "${via}" url`,
    );
}

function checkOptions(
  route: RouteInput,
  node: Node | undefined,
  captures: ReadonlySet<string> | undefined,
  report: Report,
): void {
  if (node === undefined) return;
  checkTemplates(nodeAt(node, ['orderBy']), captures, report);
  checkWhere(nodeAt(node, ['where']), captures, report);
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
  if (address?.kind === 'queue' && address.text === route.deadLetter) {
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
  readonly inFlight: number;
  readonly retry: string;
}

function sessionTraits({ from, inFlight, retry }: RouteInput, known: readonly string[]): SessionTraits {
  return {
    broker: brokerOf(from, known),
    session: from.session,
    inFlight,
    retry: `${milliseconds(retry.initial)} to ${milliseconds(retry.max)}`,
  };
}

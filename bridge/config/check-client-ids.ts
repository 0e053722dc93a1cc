import type { Protocol } from '../connectors/connector.js';
import { readBrokerUrl, usualPort } from './address-url.js';
import { laneClientId, sourceClientId } from './client-ids.js';
import type { Ends, SinkEnd, SourceEnd } from './ends.js';
import { offersOf, urlsOf, viaOf } from './resolve.js';
import type { BrokerInput, Mapping } from './schema.js';
import { type Node, nodeAt, type Report } from './source.js';

/** A connection that the bridge will open. */
interface Opened {
  readonly route: string;
  readonly session: string;
  readonly broker: string;
  /** Where its client id has to be the only one of its kind. */
  readonly keys: readonly string[];
}

/**
 * Finds connections of which a broker keeps only one, because they have one client id: over MQTT the newer ends the older
 * (3.1.1 section 3.1.4), and Classic refuses the newer over AMQP and STOMP, whatever the older one speaks (seen with 6.1.8).
 */
export function checkClientIds(mapping: Mapping, routes: readonly Ends[], root: Node, report: Report): void {
  const known = new Map<string, Opened>();
  const told = new Set<string>();
  for (const opened of routes.flatMap((route) => connectionsOf(route, mapping)))
    for (const key of opened.keys) {
      const other = known.get(key);
      if (other === undefined) known.set(key, opened);
      else if (!isSame(opened, other)) tell(opened, other, root, told, report);
    }
}

/** Routes that share a session share its connections; that a name is no connection's and a route's is checked elsewhere. */
const isSame = (a: Opened, b: Opened) => a.session === b.session && a.broker === b.broker;

function tell(one: Opened, other: Opened, root: Node, told: Set<string>, report: Report): void {
  const pair = JSON.stringify([one.broker, other.broker, one.broker === other.broker ? one.route : '']);
  if (told.has(pair)) return;
  told.add(pair);
  if (one.broker !== other.broker) {
    const node = nodeAt(root, ['brokers', one.broker]);
    if (node !== undefined)
      report.add(
        'error',
        node.key ?? node.start,
        `"${one.broker}" and "${other.broker}" are the same broker (one host and port) with the same "clientId": the route "${one.route}" connects to both, and of one client id a broker keeps only one connection; keep one of the two, or give this one a "clientId" of its own`,
      );
    return;
  }
  const node = nodeAt(root, ['routes', one.route]);
  if (node !== undefined)
    report.add(
      'error',
      node.key ?? node.start,
      `the names of the routes "${other.route}" and "${one.route}" lead to one client id on "${one.broker}", of which a broker keeps only one connection; rename one of them`,
    );
}

function connectionsOf({ route, rule, from, to }: Ends, mapping: Mapping): Opened[] {
  const session = rule.from.connection ?? route;
  const open = (
    end: SourceEnd | SinkEnd,
    side: 'from' | 'to',
    idOf: (clientId: string, via: Protocol) => string,
  ) => {
    const broker = mapping.brokers[end.broker];
    const via = broker && viaOf(side, end.end, end.kind, broker, offersOf(broker));
    const place = broker === undefined || via === undefined ? undefined : placeOf(broker, via);
    if (broker === undefined || via === undefined || place === undefined) return [];
    const clientId = idOf(broker.clientId, via);
    const keys = [
      ...(via === 'mqtt' || broker.type === 'activemq' ? [`${via} ${place} ${clientId}`] : []),
      ...(broker.type === 'activemq' ? [`${end.broker} ${clientId}`] : []),
    ];
    return [{ route, session, broker: end.broker, keys }];
  };
  const source = from === undefined ? [] : open(from, 'from', (id) => sourceClientId(id, session));
  const lanes = to.flatMap((end) =>
    Array.from({ length: mapping.brokers[end.broker]?.lanes ?? 0 }, (_, index) =>
      open(end, 'to', (id, via) => laneClientId(id, session, via, index + 1)),
    ).flat(),
  );
  return [...source, ...lanes];
}

/** Host and port of a protocol; undefined when the file does not say or says it wrong. */
function placeOf(broker: BrokerInput, via: Protocol): string | undefined {
  const [url] = urlsOf(broker, via);
  const target = url === undefined ? { host: broker.host, port: usualPort(via) } : readBrokerUrl(via, url);
  if ('problem' in target || target.host === undefined) return undefined;
  const host = target.host.toLowerCase();
  return `${host === 'localhost' || host === '::1' ? '127.0.0.1' : host}:${target.port}`;
}

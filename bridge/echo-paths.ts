import { AddressSets, levelsOfPattern, levelsOfTemplate } from './config/address-set.js';
import type { BrokerConfig, Config, ReplyTarget, ToConfig } from './config/config.js';
import type { Protocol } from './connectors/connector.js';
import type { EchoPaths } from './flow/echo-ledger.js';
import type { AddressKind } from './message/address.js';
import { brokerNamed, type SessionRoutes } from './sessions.js';

/** Something that a session reads. */
interface Source {
  readonly session: string;
  readonly carrier: Carrier;
}

/** What takes the properties of a message along. MQTT 3.1.1 has none, and from JMS to MQTT 5 or back they do not come across. */
type Carrier = 'JMS' | 'MQTT 5' | undefined;

/**
 * Where the mark of hops gets lost although the bridge reads what it writes: a destination and a source that have an address in common,
 * with no properties between them. A source with a selector does not count: what its broker keeps from it would be expected for ever.
 */
export function echoPathsOf(config: Config, sessions: ReadonlyMap<string, SessionRoutes>): EchoPaths {
  const identities = identitiesOf(config.brokers.values());
  const spaceOf = (broker: string, kind: AddressKind) => {
    // On Classic and Artemis the MQTT topic a/b is the JMS topic a.b.
    const isPlainMqtt = brokerNamed(config, broker).type === 'mqtt';
    return `${isPlainMqtt ? kind : 'topic'} ${identities.get(broker)}`;
  };
  const carrierOf = (broker: string, via: Protocol): Carrier => {
    if (via !== 'mqtt') return 'JMS';
    return brokerNamed(config, broker).mqttVersion === 5 ? 'MQTT 5' : undefined;
  };

  const sources = new AddressSets<Source>();
  for (const [session, routes] of sessions)
    for (const { config: route } of routes) {
      const { broker, via, kind, pattern, selector } = route.from;
      if (kind === 'queue' || selector !== undefined) continue;
      const source = { session, carrier: carrierOf(broker, via) };
      sources.add(spaceOf(broker, kind), levelsOfPattern(pattern), source);
    }

  const sessionsBehind = (output: ToConfig | ReplyTarget): string[] => {
    const place = placeOf(output);
    if (place === undefined || place.kind === 'queue') return [];
    const carrier = carrierOf(output.broker, output.via);
    const found = [...sources.meeting(spaceOf(output.broker, place.kind), place.levels)];
    const unmarked = found.filter((source) => carrier === undefined || source.carrier !== carrier);
    return [...new Set(unmarked.map(({ session }) => session))];
  };
  const paths = new Map<string, readonly (readonly string[])[]>();
  for (const { config: route, outputs } of [...sessions.values()].flat()) {
    const behind = outputs.map(sessionsBehind);
    if (behind.some((some) => some.length > 0)) paths.set(route.name, behind);
  }
  return paths;
}

/** All names that a destination can have; undefined for a temporary one, which nobody but its maker reads. */
function placeOf(output: ToConfig | ReplyTarget) {
  if ('kind' in output) return { kind: output.kind, levels: levelsOfTemplate(output.kind, output.name) };
  if ('temporary' in output.allows) return undefined;
  const { pattern } = output.allows;
  return { kind: pattern.kind, levels: levelsOfPattern(pattern) };
}

/** What each broker of the file is known by: names that have a host and port in common are one broker. */
function identitiesOf(brokers: Iterable<BrokerConfig>): ReadonlyMap<string, number> {
  const identities = new Map<string, number>();
  const byPlace = new Map<string, number>();
  let next = 0;
  for (const { name, endpoints } of brokers) {
    const places = [...endpoints.values()].flat().map(({ host, port }) => `${machineOf(host)}:${port}`);
    const known = new Set(places.flatMap((place) => byPlace.get(place) ?? []));
    const identity = next++;
    // A broker with several addresses can join two that seemed to be different.
    for (const map of [identities, byPlace])
      for (const [key, other] of map) if (known.has(other)) map.set(key, identity);
    for (const place of places) byPlace.set(place, identity);
    identities.set(name, identity);
  }
  return identities;
}

/** Every name for this machine is one. */
function machineOf(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name) ? 'localhost' : name;
}

import type { Config, RouteConfig } from '../config/config.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import { type Address, type AddressKind, LEVEL_SEPARATOR } from '../message/address.js';
import type { CapturePattern } from '../routing/pattern.js';
import { RouteTable } from '../routing/route-table.js';
import { nameAs } from './trial-source.js';

/** A route that takes an address, and what it does with its messages, in words. */
export interface Taker {
  readonly route: string;
  readonly does: string;
}

/** An address, written as the pattern that it stands for, whose messages go other ways. */
export interface Rerouted {
  readonly kind: AddressKind;
  readonly pattern: string;
  readonly broker: string;
  readonly old: readonly Taker[];
  readonly new: readonly Taker[];
}

/** The addresses of either file, one for each `from`, that are taken by other routes or go to other destinations. */
export function compareRouting(old: Config, now: Config): Rerouted[] {
  const sample = sampleLevel([old, now]);
  const before = new Takers(old);
  const after = new Takers(now);
  const found = new Map<string, Rerouted>();
  for (const { from } of [...old.routes, ...now.routes]) {
    const { kind, broker } = from;
    const key = JSON.stringify([broker, kind, from.pattern.levels]);
    if (found.has(key)) continue;
    const compared = addressesFor(from.pattern, sample).map(
      ({ name, pattern }): Rerouted => ({
        kind,
        broker,
        pattern,
        old: before.of(broker, { kind, name }),
        new: after.of(broker, { kind, name }),
      }),
    );
    const [one, deeper] = compared;
    if (one === undefined) continue;
    found.set(key, one);
    // What goes the same way at every depth is told once.
    if (deeper === undefined) continue;
    if (ways(one) === ways(deeper)) found.set(key, { ...one, pattern: from.pattern.text });
    else found.set(`${key} deeper`, deeper);
  }
  return [...found.values()].filter((one) => JSON.stringify(one.old) !== JSON.stringify(one.new));
}

const ways = ({ old, new: now }: Rerouted) => JSON.stringify([old, now]);

/** Names that a pattern takes: of one that takes all below, one at each of two depths. */
function addressesFor({ kind, levels, text }: CapturePattern, sample: string) {
  const name = levels
    .map((level) => (typeof level === 'object' ? level.literal : sample))
    .join(LEVEL_SEPARATOR[kind]);
  if (levels.at(-1) !== 'rest') return [{ name, pattern: text }];
  return [
    { name, pattern: `${text} (one level)` },
    { name: `${name}${LEVEL_SEPARATOR[kind]}${sample}`, pattern: `${text} (several levels)` },
  ];
}

/** A level that no pattern has as a fixed one. */
function sampleLevel(configs: readonly Config[]): string {
  const fixed = new Set(
    configs.flatMap(({ routes }) =>
      routes.flatMap(({ from }) =>
        from.pattern.levels.flatMap((level) => (typeof level === 'object' ? [level.literal] : [])),
      ),
    ),
  );
  let sample = 'any';
  while (fixed.has(sample)) sample += '-';
  return sample;
}

/** Which routes of a file take an address. */
class Takers {
  readonly #tables = new Map<string, RouteTable<RouteConfig>>();

  constructor(readonly config: Config) {
    const sources = new Map<string, { pattern: RouteConfig['from']['pattern']; route: RouteConfig }[]>();
    for (const route of config.routes) {
      if (!route.enabled) continue;
      const { kind, broker, pattern } = route.from;
      const key = JSON.stringify([broker, kind]);
      const known = sources.get(key);
      if (known === undefined) sources.set(key, [{ pattern, route }]);
      else known.push({ pattern, route });
    }
    for (const [key, routes] of sources) {
      const [, kind] = JSON.parse(key) as [string, AddressKind];
      this.#tables.set(key, new RouteTable(kind, routes));
    }
  }

  of(broker: string, address: Address): Taker[] {
    const type = this.config.brokers.get(broker)?.type;
    if (type === undefined) return [];
    const plain = flavourOf(type).jmsVia === undefined;
    const kinds: readonly AddressKind[] = ['mqtt', 'queue', 'topic'];
    return kinds
      .flatMap((kind) => {
        const name = nameAs(kind, address, plain);
        const table = this.#tables.get(JSON.stringify([broker, kind]));
        return name === undefined || table === undefined ? [] : table.match(name);
      })
      .map(({ route }) => ({ route: route.name, does: whatItDoes(route, this.config) }))
      .toSorted((a, b) => (a.route < b.route ? -1 : 1));
  }
}

function whatItDoes({ from, where, to }: RouteConfig, { brokers }: Config): string {
  const on = (broker: string) => (brokers.size > 1 ? ` on ${broker}` : '');
  const destinations = to.map(({ kind, name, broker }) => `${kind} ${name.text}${on(broker)}`);
  const conditions = [
    ...(from.selector === undefined ? [] : [`selector ${from.selector}`]),
    ...(where === undefined ? [] : [`where ${where.text}`]),
  ];
  return [destinations.join(', '), ...conditions].join('; ');
}

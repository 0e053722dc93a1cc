import type { Config, RouteConfig } from '../config/config.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import { type Address, type AddressKind, LEVEL_SEPARATOR } from '../message/address.js';
import { RouteTable } from '../routing/route-table.js';

/** Whether a route reads an address, as what, and if not, how near it comes. */
export type SourceMatch =
  | { readonly name: string; readonly captures: ReadonlyMap<string, string> }
  /** The greater, the nearer. */
  | { readonly reason: string; readonly nearness: number };

/** Nearer than any number of equal levels. */
const SAME_NAME = 1_000;

/** Matches what comes from an address of a broker against a route's `from`. */
export function matchSource(
  config: Config,
  route: RouteConfig,
  address: Address,
  broker: string,
): SourceMatch {
  const { from } = route;
  const subject = `${from.kind} ${from.pattern.text}`;
  const type = config.brokers.get(broker)?.type;
  const plain = type === undefined || flavourOf(type).jmsVia === undefined;
  const name = nameAs(from.kind, address, plain);
  if (from.broker !== broker) {
    const same = name !== undefined && captured(route, name) !== undefined;
    return {
      reason: `it reads ${same ? subject : ''}${same ? ' on' : 'from'} the broker ${from.broker}`,
      nearness: same ? SAME_NAME : -2,
    };
  }
  if (name === undefined) {
    const same = captured(route, address.name) !== undefined;
    return {
      reason: same
        ? `it reads ${subject}, and this is ${article(address.kind)}: write ${from.kind}:${address.name}`
        : `it reads ${subject}`,
      nearness: same ? SAME_NAME : -1,
    };
  }
  const captures = captured(route, name);
  return captures === undefined ? noMatch(route, name) : { name, captures };
}

const article = (kind: AddressKind) => (kind === 'mqtt' ? 'an MQTT topic' : `a ${kind}`);

function captured({ from }: RouteConfig, name: string): ReadonlyMap<string, string> | undefined {
  const [match] = new RouteTable(from.kind, [{ pattern: from.pattern, route: undefined }]).match(name);
  return match?.captures;
}

/**
 * The name by which an address is read as another kind: on Classic and Artemis the MQTT topic a/b is the JMS topic a.b. A
 * name that has both separators each broker writes in its own way; undefined for those, as for what never is the same.
 */
export function nameAs(kind: AddressKind, address: Address, plain: boolean): string | undefined {
  if (address.kind === kind) return address.name;
  if (plain || kind === 'queue' || address.kind === 'queue') return undefined;
  const from = LEVEL_SEPARATOR[address.kind];
  const to = LEVEL_SEPARATOR[kind];
  return address.name.includes(to) ? undefined : address.name.replaceAll(from, to);
}

/** Says at which level the name leaves the pattern. */
function noMatch({ from }: RouteConfig, name: string): SourceMatch {
  const levels = name.split(LEVEL_SEPARATOR[from.kind]);
  const wanted = from.pattern.levels;
  const differs = wanted.findIndex(
    (level, index) =>
      levels[index] === undefined || (typeof level === 'object' && level.literal !== levels[index]),
  );
  const subject = `${from.kind} ${from.pattern.text}`;
  if (differs === -1)
    return {
      reason: levels[0]?.startsWith('$')
        ? `it reads ${subject}, and a capture takes no first level that begins with $`
        : `it reads ${subject}, which has ${wanted.length} levels, not ${levels.length}`,
      nearness: wanted.length,
    };
  const level = wanted[differs];
  const found = levels[differs] === undefined ? 'missing' : JSON.stringify(levels[differs]);
  const right = typeof level === 'object' ? `, not ${JSON.stringify(level.literal)}` : '';
  return { reason: `it reads ${subject}; level ${differs + 1} is ${found}${right}`, nearness: differs };
}

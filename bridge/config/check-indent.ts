import { keysAt } from './schema.js';
import { type MapNode, type Node, nodeAt, type Report } from './source.js';

/**
 * Finds keys of a route or a broker that are indented like its name, which makes them routes or brokers of their own. They
 * are told of once and cut out with the empty thing above them: each would be several errors that say nothing.
 */
export function withoutSlippedKeys(root: Node, report: Report): Node {
  if (root.kind !== 'map') return root;
  const entries = new Map(root.entries);
  for (const [section, what] of [
    ['routes', 'route'],
    ['brokers', 'broker'],
  ] as const) {
    const node = nodeAt(root, [section]);
    if (node?.kind === 'map') entries.set(section, mended(node, section, what, report));
  }
  return { ...root, entries };
}

function mended(section: MapNode, name: string, what: string, report: Report): MapNode {
  const known = keysAt([name, '']);
  const kept = new Map<string, Node>();
  let empty: string | undefined;
  let slipped: string[] = [];
  for (const [key, node] of section.entries) {
    if (empty !== undefined && known.includes(key) && !isWhole(node, name)) {
      if (slipped.length === 0)
        report.add(
          'error',
          node.key ?? node.start,
          `"${key}" is a key of a ${what}, and stands beside "${empty}"; indent it deeper, so that it belongs to "${empty}"`,
        );
      slipped = [...slipped, key];
      kept.delete(empty);
      continue;
    }
    slipped = [];
    empty = node.kind === 'scalar' && node.value === null ? key : undefined;
    kept.set(key, node);
  }
  return { ...section, entries: kept };
}

/** A route may be named `from`: then it has a source of its own. */
function isWhole(node: Node, section: string): boolean {
  return node.kind === 'map' && (section === 'routes' ? node.entries.has('from') : node.entries.has('type'));
}

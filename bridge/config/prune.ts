import type { Issue } from './issues.js';
import type { Path } from './source.js';

/**
 * Cuts what the schema refuses out of a mapping, so that the checks across rules can look at the rest and all
 * problems come out at once. List entries keep their places. Changes `value`; false when nothing is left.
 */
export function prune(value: unknown, issues: readonly Issue[]): boolean {
  if (!isContainer(value) || Array.isArray(value)) return false;
  for (const issue of issues) {
    if (issue.path.length === 0 && issue.code !== 'unrecognized_keys') return false;
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) removeKey(value, issue.path, key);
    else remove(value, issue.path);
  }
  return true;
}

type Container = Record<PropertyKey, unknown>;

function removeKey(root: Container, path: Path, key: string): void {
  const parent = path.reduce<unknown>((at, step) => (isContainer(at) ? at[step] : undefined), root);
  if (isContainer(parent)) delete parent[key];
}

function remove(root: Container, path: Path): void {
  // What is missing cannot be cut out: the deepest thing that lacks it is, unless something harmless can stand there.
  let parent: Container = root;
  for (let depth = 0; depth < path.length; depth++) {
    const step = path[depth] ?? '';
    const here = path.slice(0, depth + 1);
    const last = depth === path.length - 1;
    const next = Object.hasOwn(parent, step) ? parent[step] : undefined;
    if (!last && isContainer(next)) {
      parent = next;
      continue;
    }
    const filler = fillerFor(here);
    if (filler !== undefined) parent[step] = filler;
    else if (next !== undefined) delete parent[step];
    else remove(root, path.slice(0, depth));
    return;
  }
}

/** What the schema takes and no check has anything to say about. */
function fillerFor(path: Path): unknown {
  const [section, , part] = path;
  if (path.length === 1 && section === 'version') return 1;
  if (path.length === 1 && (section === 'brokers' || section === 'routes')) return {};
  if (section !== 'routes') return undefined;
  if (path.length === 3 && (part === 'from' || part === 'to')) return {};
  return path.length === 4 && part === 'to' && typeof path[3] === 'number' ? {} : undefined;
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

import type { z } from 'zod';
import { spelledValue } from './interpolate.js';
import { flattenIssues, type Issue, reportIssues } from './issues.js';
import { prune } from './prune.js';
import { type Node, nodeAt, type Path, type Report, toPlain } from './source.js';

/**
 * What of a file the schema takes; undefined when that is nothing. The rest is reported.
 * `keysAt`: the keys that a map at a path may have, for advice.
 */
export function conform<Output>(
  schema: z.ZodType<Output>,
  keysAt: (path: Path) => readonly string[],
  root: Node,
  report: Report,
): Output | undefined {
  const value = toPlain(root);
  let result = schema.safeParse(value);
  if (!result.success && spellOut(value, flattenIssues(result.error.issues), root))
    result = schema.safeParse(value);
  if (!result.success) reportIssues(flattenIssues(result.error.issues), keysAt, root, report);
  // Each cut can leave something incomplete a level further up, and there are six levels.
  for (let cuts = 0; cuts < 8 && !result.success; cuts++) {
    if (!prune(value, flattenIssues(result.error.issues))) return undefined;
    result = schema.safeParse(value);
  }
  return result.success ? result.data : undefined;
}

/** Interpolated text becomes the number or truth value it spells where the schema does not take the text. */
function spellOut(value: unknown, issues: readonly Issue[], root: Node): boolean {
  let changed = false;
  for (const { path } of issues) {
    const node = nodeAt(root, path);
    if (node?.kind !== 'scalar' || node.inserted === undefined || typeof node.value !== 'string') continue;
    const spelled = spelledValue(node.value);
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown>)[step], value);
    const key = path.at(-1);
    if (spelled === undefined || key === undefined) continue;
    (parent as Record<PropertyKey, unknown>)[key] = spelled;
    changed = true;
  }
  return changed;
}

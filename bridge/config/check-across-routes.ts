import { checkCanaries } from './check-canaries.js';
import { checkClientIds } from './check-client-ids.js';
import { checkNames } from './check-names.js';
import { checkNever } from './check-never.js';
import { checkSameNames } from './check-same-names.js';
import { checkSelectors } from './check-selector.js';
import { checkShadows } from './check-shadows.js';
import { endsOf } from './ends.js';
import type { Mapping } from './schema.js';
import type { Node, Report } from './source.js';

/** What routes mean to each other and to their brokers. Loops are found before: some of it is left unsaid where one is. */
export function checkAcrossRoutes(mapping: Mapping, root: Node, report: Report): void {
  const routes = endsOf(mapping, root);
  checkNames(routes, report);
  checkSelectors(routes, root, report);
  checkNever(routes, root, report);
  checkSameNames(routes, root, report);
  checkShadows(routes, report);
  checkClientIds(mapping, routes, root, report);
  checkCanaries(mapping, routes, report);
}

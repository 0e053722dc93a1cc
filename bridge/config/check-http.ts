import { isLoopback } from './loopback.js';
import type { Mapping } from './schema.js';
import { type Node, nodeAt, type Report } from './source.js';

/** Whom the pages are shown to, and what these may do there. */
export function checkHttp({ http }: Mapping, root: Node, report: Report): void {
  if (isLoopback(http.host) || http.admin?.token) return;
  const node = nodeAt(root, ['http', 'admin']) ?? nodeAt(root, ['http', 'host']);
  report.add(
    'warning',
    node?.key ?? node?.start ?? 0,
    'other machines reach these pages, and there is no http.admin.token: nobody may see, replay or drop dead letters, watch messages, or reload from elsewhere; set a token to let somebody',
  );
}

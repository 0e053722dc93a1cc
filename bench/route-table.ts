import { coverPatterns } from '../bridge/routing/cover.js';
import { parsePattern } from '../bridge/routing/pattern.js';
import { RouteTable } from '../bridge/routing/route-table.js';

const LOOKUPS = 200_000;

/**
 * The mean cost of one match, for tables of growing size, one route of which matches; and what it costs once a connection
 * to find the subscriptions for all of them.
 */
export function measureMatching(): { routes: number; microseconds: number; subscribeMs: number }[] {
  return [10, 1_000, 10_000].map((routes) => {
    const patterns = Array.from({ length: routes }, (_, index) =>
      parsePattern('mqtt', `chat/tenant-${index}/{room}/messages`),
    );
    const begin = performance.now();
    coverPatterns(
      patterns.map((pattern) => ({ pattern, extra: 1 })),
      Math.max,
    );
    const subscribeMs = performance.now() - begin;
    const table = new RouteTable(
      'mqtt',
      patterns.map((pattern, route) => ({ pattern, route })),
    );
    const names = Array.from(
      { length: 1_000 },
      (_, index) => `chat/tenant-${(index * 7) % routes}/room-${index}/messages`,
    );
    let found = 0;
    const run = (count: number) => {
      for (let i = 0; i < count; i++) found += table.match(names[i % names.length] ?? '').length;
    };
    run(LOOKUPS / 10);
    found = 0;
    const start = process.hrtime.bigint();
    run(LOOKUPS);
    const microseconds = Number(process.hrtime.bigint() - start) / 1_000 / LOOKUPS;
    if (found !== LOOKUPS) throw new Error(`each name matches one route, but ${found} of ${LOOKUPS} did`);
    return { routes, microseconds, subscribeMs };
  });
}

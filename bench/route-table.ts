import { parsePattern } from '../bridge/routing/pattern.js';
import { RouteTable } from '../bridge/routing/route-table.js';

const LOOKUPS = 200_000;

/** The mean cost of one match, for tables of growing size; one route of each table matches. */
export function measureMatching(): { routes: number; microseconds: number }[] {
  return [10, 1_000, 10_000].map((routes) => {
    const table = new RouteTable(
      'mqtt',
      Array.from({ length: routes }, (_, index) => ({
        pattern: parsePattern('mqtt', `tenant-${index}/chat/{room}/messages`),
        route: index,
      })),
    );
    const names = Array.from(
      { length: 1_000 },
      (_, index) => `tenant-${(index * 7) % routes}/chat/room-${index}/messages`,
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
    return { routes, microseconds };
  });
}

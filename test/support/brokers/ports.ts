import { randomInt } from 'node:crypto';
import { portState } from '../../../bridge/launch/ports.js';

/** Under the range that systems give to outgoing connections, or a client could be sitting on a broker's port at its restart. */
const RANGE = { from: 20_000, to: 32_000 };
/** As many test files run at a time at most (vitest.config.ts); each takes ports of its own part of the range. */
const PARTS = 4;

/** Given out by this process; a broker binds its ports seconds after it got them, and gives them up for a restart. */
const taken = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on and that no other test is given. */
export async function freePort(): Promise<number> {
  const [from, to] = partOf(process.env.VITEST_POOL_ID);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(from, to);
    if (taken.has(port) || (await portState('127.0.0.1', port)) !== 'free') continue;
    taken.add(port);
    return port;
  }
  throw new Error(`no free port found between ${from} and ${to}`);
}

function partOf(worker: string | undefined): [from: number, to: number] {
  if (worker === undefined) return [RANGE.from, RANGE.to];
  const size = (RANGE.to - RANGE.from) / PARTS;
  const from = RANGE.from + (Number(worker) % PARTS) * size;
  return [from, from + size];
}

/** That many different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

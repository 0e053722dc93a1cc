import { randomInt } from 'node:crypto';
import { portState } from '../../../bridge/launch/ports.js';

/**
 * A port of 127.0.0.1 that nobody listens on. Under the range that systems give to outgoing connections, or a client
 * could be sitting on a broker's port when the broker is started again.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(20_000, 32_000);
    if ((await portState('127.0.0.1', port)) === 'free') return port;
  }
  throw new Error('no free port found between 20000 and 32000');
}

/** That many different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

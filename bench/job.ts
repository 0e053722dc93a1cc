import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestBroker } from '../test/support/brokers.js';
import { uniqueName } from '../test/support/names.js';
import type { Job, Peer, RunningPeer } from './peers/peer.js';

/** Does something with names and a folder of its own. */
export async function withJob<Result>(
  broker: TestBroker,
  work: (job: Job) => Promise<Result>,
): Promise<Result> {
  const id = uniqueName('bench');
  const folder = await mkdtemp(join(tmpdir(), 'bridge-bench-'));
  try {
    return await work({ broker, id, folder, topicFilter: `${id}/+/messages`, queue: `${id}-out` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Does something while the peer runs, and ends the peer. Rejects as soon as the peer ends by itself. */
export async function whileRunning<Result>(
  peer: Peer,
  job: Job,
  work: (running: RunningPeer) => Promise<Result>,
): Promise<Result> {
  const running = await peer.start(job);
  const { child, ready } = running;
  const exited = once(child, 'exit');
  // Not everybody waits for it, and its end is told below.
  ready.catch(() => undefined);
  const endedEarly = exited.then(([code]) => {
    throw new Error(`${peer.name} ended early with exit code ${String(code)}`);
  });
  try {
    return await Promise.race([work(running), endedEarly]);
  } finally {
    endedEarly.catch(() => undefined);
    child.kill('SIGKILL');
    await exited;
  }
}

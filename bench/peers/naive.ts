import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { prepareSession } from '../load.js';
import type { Peer } from './peer.js';

const SCRIPT = fileURLToPath(new URL('naive-script.mjs', import.meta.url));

/** What somebody writes in ten minutes: mqtt.js to rhea, one message in flight, acknowledged after accept. */
export function naivePeer(): Peer {
  return {
    name: 'naive Node script, AMQP',
    prepare: (job) => prepareSession(job, `${job.id}-naive`),
    start: async ({ broker, id, topicFilter, queue }) => {
      const job = {
        host: broker.host,
        mqtt: broker.ports.mqtt,
        amqp: broker.ports.amqp,
        ...broker.accounts.bridge,
        clientId: `${id}-naive`,
        topicFilter,
        address: broker.type === 'activemq' ? `queue://${queue}` : queue,
      };
      const child = spawn(process.execPath, [SCRIPT], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, JOB: JSON.stringify(job) },
      });
      // `!` once it reads, and one byte a message.
      let count = -1;
      const ready = new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk: Buffer) => {
          count += chunk.length;
          resolve();
        });
      });
      return { child, ready, moved: async () => Math.max(0, count) };
    },
  };
}

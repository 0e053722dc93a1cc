import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Peer } from '../drain.js';

const SCRIPT = fileURLToPath(new URL('naive-script.mjs', import.meta.url));

/** What somebody writes in ten minutes: mqtt.js to rhea, one message in flight, acknowledged after accept. */
export function naivePeer(): Peer {
  return {
    name: 'naive Node script, AMQP',
    sessionId: (id) => `${id}-naive`,
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
      // One byte a message.
      let count = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        count += chunk.length;
      });
      return { child, moved: async () => count };
    },
  };
}

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { prepareSession } from '../load.js';
import type { Peer } from './peer.js';

/** What somebody writes in ten minutes: mqtt.js to rhea, one message in flight, acknowledged after accept. */
export const naivePeer = (): Peer =>
  scriptPeer('naive-script.mjs', (job) => prepareSession(job, `${job.id}-naive`));

/** The same the other way: rhea to mqtt.js, accepted after PUBACK. */
export const naiveToMqttPeer = (): Peer => scriptPeer('naive-to-mqtt-script.mjs', async () => {});

function scriptPeer(script: string, prepare: Peer['prepare']): Peer {
  return {
    name: 'naive Node script, AMQP',
    slowOn: ['artemis'],
    prepare,
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
      const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
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

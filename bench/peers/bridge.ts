import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/brokers.js';
import { eventually } from '../../test/support/eventually.js';
import type { Job, Peer } from './peer.js';

const MAIN = fileURLToPath(new URL('../../dist/bridge/main.js', import.meta.url));

/** This bridge, built, in a process of its own; `via`: how it writes. */
export function bridgePeer(via: 'stomp' | 'amqp'): Peer {
  const start = async (job: Job) => {
    const port = await freePort();
    const file = join(job.folder, 'mapping.yaml');
    await writeFile(file, mapping(job, port, via));
    const child = spawn(process.execPath, [MAIN, 'run', file, '--log-level', 'warn'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return { child, moved: () => delivered(port), ready: isReady(port) };
  };
  return {
    name: `activemq-bridge, via: ${via}`,
    start,
    prepare: async (job) => {
      const { child, ready } = await start(job);
      await ready;
      await ended(child);
    },
  };
}

const mapping = ({ broker, id, queue }: Job, port: number, via: string) => `version: 1
brokers:
  broker:
    type: ${broker.type}
    mqtt: mqtt://${broker.host}:${broker.ports.mqtt}
    amqp: amqp://${broker.host}:${broker.ports.amqp}
    stomp: stomp://${broker.host}:${broker.ports.stomp}
    username: ${broker.accounts.bridge.username}
    password: ${broker.accounts.bridge.password}
    clientId: ${id}
routes:
  drain:
    from: { mqtt: "${id}/{room}/messages" }
    to: { queue: ${queue}, via: ${via}, properties: { room: "{room}" } }
http: { port: ${port} }
`;

async function isReady(port: number): Promise<void> {
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
}

async function ended(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function delivered(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/routes`).catch(() => undefined);
  if (answer === undefined) return 0;
  const [route] = (await answer.json()) as { delivered: number }[];
  return route?.delivered ?? 0;
}

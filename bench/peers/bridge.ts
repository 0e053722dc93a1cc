import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/brokers.js';
import type { Peer } from '../drain.js';

const MAIN = fileURLToPath(new URL('../../dist/bridge/main.js', import.meta.url));

/** This bridge, built, in a process of its own. */
export function bridgePeer(via: 'stomp' | 'amqp'): Peer {
  return {
    name: `activemq-bridge, via: ${via}`,
    sessionId: (id) => `${id}-drain`,
    start: async ({ broker, id, queue, folder }) => {
      const port = await freePort();
      const file = join(folder, 'mapping.yaml');
      const { host, ports, accounts } = broker;
      await writeFile(
        file,
        `version: 1
brokers:
  broker:
    type: ${broker.type}
    mqtt: mqtt://${host}:${ports.mqtt}
    amqp: amqp://${host}:${ports.amqp}
    stomp: stomp://${host}:${ports.stomp}
    username: ${accounts.bridge.username}
    password: ${accounts.bridge.password}
    clientId: ${id}
routes:
  drain:
    from: { mqtt: "${id}/{room}/messages" }
    to: { queue: ${queue}, via: ${via}, properties: { room: "{room}" } }
http: { port: ${port} }
`,
      );
      const child = spawn(process.execPath, [MAIN, 'run', file, '--log-level', 'warn'], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      return { child, moved: () => delivered(port) };
    },
  };
}

async function delivered(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/routes`).catch(() => undefined);
  if (answer === undefined) return 0;
  const [route] = (await answer.json()) as { delivered: number }[];
  return route?.delivered ?? 0;
}

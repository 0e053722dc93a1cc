import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Protocol } from '../../bridge/connectors/connector.js';
import type { BridgeStatus } from '../../bridge/status.js';
import { freePort } from '../../test/support/brokers.js';
import { eventually } from '../../test/support/eventually.js';
import { ROOM } from '../to-mqtt.js';
import type { Job, Peer } from './peer.js';

const MAIN = fileURLToPath(new URL('../../dist/bridge/main.js', import.meta.url));

/** This bridge, built, in a process of its own; `via`: how it writes to the queue; `port`: of its HTTP, by default any. */
export const bridgePeer = (via: 'stomp' | 'amqp', port?: number): Peer =>
  peerWith(
    `activemq-bridge, via: ${via}`,
    ({ id, queue }) => `
    from: { mqtt: "${id}/{room}/messages" }
    to: { queue: ${queue}, via: ${via}, properties: { room: "{room}" } }`,
    port,
  );

/** Classic copies what is published to a queue, and one transaction takes it from there and sends it on. */
export const bridgeVirtualTopicPeer = (): Peer => ({
  ...peerWith(
    'activemq-bridge, virtual topic, one transaction',
    ({ id, queue }) => `
    from: { queue: "Consumer.bridge.VirtualTopic.${id}.{room}.messages", via: stomp }
    to: { queue: ${queue}, via: stomp, properties: { room: "{room}" } }`,
  ),
  worksOn: ['activemq'],
  drains: [],
  topic: (id, room) => `VirtualTopic/${id}/room-${room}/messages`,
});

/** What may be lost, as fast as it goes: a session of the moment, and messages that nobody stores. */
export const bridgeAtMostOncePeer = (via: 'stomp' | 'amqp'): Peer => ({
  ...peerWith(
    `activemq-bridge, at most once, via: ${via}`,
    ({ id, queue }) => `
    delivery: at-most-once
    from: { mqtt: "${id}/{room}/messages", session: clean }
    to: { queue: ${queue}, via: ${via}, persistent: false, properties: { room: "{room}" } }`,
  ),
  drains: [],
  prepare: async () => {},
});

/** From the queue to MQTT; `via`: how it reads the queue and writes the topics. */
export const bridgeToMqttPeer = (from: Protocol, to: Protocol): Peer =>
  peerWith(
    `activemq-bridge, ${from} to ${to}`,
    ({ id, queue }) => `
    from: { queue: ${queue}, via: ${from} }
    to: { mqtt: "${id}/{properties.${ROOM}}/messages", qos: 1, via: ${to} }
    orderBy: "{properties.${ROOM}}"`,
  );

function peerWith(name: string, rule: (job: Job) => string, httpPort?: number): Peer {
  const start = async (job: Job) => {
    const port = httpPort ?? (await freePort());
    const file = join(job.folder, 'mapping.yaml');
    await writeFile(file, mapping(job, port, rule(job)));
    const child = spawn(process.execPath, [MAIN, 'run', file, '--log-level', 'warn'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return { child, moved: () => delivered(port), ready: isReady(port) };
  };
  return {
    name,
    start,
    prepare: async (job) => {
      const { child, ready } = await start(job);
      await ready;
      await ended(child);
    },
  };
}

const mapping = ({ broker, id }: Job, port: number, rule: string) => `version: 1
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
  move:${rule}
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
  // Not /api/routes, which answers an address only so often.
  const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
  if (answer === undefined) return 0;
  const { routes } = (await answer.json()) as Pick<BridgeStatus, 'routes'>;
  return routes[0]?.delivered ?? 0;
}

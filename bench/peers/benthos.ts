import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, type TestBroker } from '../../test/support/brokers.js';
import { startChild } from '../../test/support/child.js';
import { eventually } from '../../test/support/eventually.js';
import { prepareSession } from '../load.js';
import { ROOM } from '../to-mqtt.js';
import type { Job, Peer, RunningPeer } from './peer.js';

const SOURCES = fileURLToPath(new URL('../benthos', import.meta.url));
const PROGRAM = join(SOURCES, 'target', 'benthos');

/** Builds the engine of Redpanda Connect; says why and resolves false where that cannot be done. */
export async function buildBenthos(): Promise<boolean> {
  console.log('building Benthos, the engine of Redpanda Connect, from Go modules …');
  await mkdir(join(SOURCES, 'target'), { recursive: true });
  try {
    await promisify(execFile)('go', ['build', '-o', PROGRAM, '.'], { cwd: SOURCES });
    return true;
  } catch (error) {
    console.log(`no Benthos: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/**
 * The engine of Redpanda Connect with its MQTT input. `as it comes`: a clean session and its own AMQP 1.0 output, whose messages the
 * queue's broker keeps in memory only. `durable`: a durable session, and an output that differs in the durable field alone (durable.go).
 */
export function benthosPeer(mode: 'as it comes' | 'durable'): Peer {
  const isDurable = mode === 'durable';
  return {
    name: `Redpanda Connect, ${mode}`,
    // It says nowhere that its address is a queue: without a consumer that does, Artemis makes a topic of it.
    drains: isDurable ? ['activemq'] : [],
    prepare: async (job) => {
      if (isDurable) await prepareSession(job, clientId(job));
    },
    start: (job) => start(job, toQueue(job, isDurable)),
  };
}

/** The other way. */
export function benthosToMqttPeer(): Peer {
  return {
    name: 'Redpanda Connect',
    prepare: async () => {},
    start: (job) => start(job, toMqtt(job)),
  };
}

const clientId = ({ id }: Job) => `${id}-benthos`;

async function start({ folder }: Job, inputAndOutput: string): Promise<RunningPeer> {
  const port = await freePort();
  const file = join(folder, 'benthos.yaml');
  const head = `http:
  address: 127.0.0.1:${port}
logger: { level: ERROR }
metrics: { prometheus: {} }
`;
  await writeFile(file, head + inputAndOutput);
  const { process: child } = startChild(PROGRAM, ['-c', file]);
  const metrics = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    return answer === undefined ? '' : answer.text();
  };
  const figure = (text: string, name: string) =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  return {
    child,
    moved: async () => figure(await metrics(), 'output_sent'),
    ready: eventually(async () => {
      const text = await metrics();
      return figure(text, 'input_connection_up') > 0 && figure(text, 'output_connection_up') > 0;
    }).then(() => undefined),
  };
}

const mqttPart = (job: Job) => `  mqtt:
    urls: ["tcp://${job.broker.host}:${job.broker.ports.mqtt}"]
    client_id: ${clientId(job)}
    user: ${job.broker.accounts.bridge.username}
    password: ${job.broker.accounts.bridge.password}
    qos: 1
`;

const toQueue = (job: Job, isDurable: boolean) => `input:
${mqttPart(job)}    topics: ["${job.topicFilter}"]
    clean_session: ${!isDurable}
${isDurable ? outputs.durable(job.broker, job.queue) : outputs.own(job.broker, job.queue)}`;

const toMqtt = (job: Job) => `input:
  amqp_1:
    urls: ["amqp://${job.broker.host}:${job.broker.ports.amqp}"]
    source_address: ${addressOf(job.broker, job.queue)}
    sasl:
      mechanism: plain
      user: ${job.broker.accounts.bridge.username}
      password: ${job.broker.accounts.bridge.password}
output:
${mqttPart(job)}    topic: '${job.topicFilter.replace('+', `\${! metadata("${ROOM}") }`)}'
`;

const addressOf = ({ type }: TestBroker, queue: string) => (type === 'activemq' ? `queue://${queue}` : queue);

const outputs = {
  own: (broker: TestBroker, queue: string) => `output:
  amqp_1:
    urls: ["amqp://${broker.host}:${broker.ports.amqp}"]
    target_address: ${addressOf(broker, queue)}
    sasl:
      mechanism: plain
      user: ${broker.accounts.bridge.username}
      password: ${broker.accounts.bridge.password}
`,
  durable: (broker: TestBroker, queue: string) => `output:
  amqp_1_durable:
    url: amqp://${broker.host}:${broker.ports.amqp}
    target_address: ${addressOf(broker, queue)}
    user: ${broker.accounts.bridge.username}
    password: ${broker.accounts.bridge.password}
`,
};

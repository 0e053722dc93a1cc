import { fileURLToPath } from 'node:url';
import { mavenPackage } from '../../test/support/maven.js';
import { counted, prepareSession, runJava } from '../load.js';
import type { Job, Peer, RunningPeer } from './peer.js';

const CAMEL = { folder: fileURLToPath(new URL('../camel', import.meta.url)), jar: 'camel-peer.jar' };

/** To be done before anything is measured: on a new machine it takes longer than a reader of messages waits for the first. */
export const buildCamel = (): Promise<void> => mavenPackage(CAMEL.folder, CAMEL.jar);

/** Apache Camel, camel-paho to camel-jms with a pool of JMS connections; see CamelPeer.java for the modes. */
export function camelPeer(mode: 'in-order' | 'parallel'): Peer {
  return {
    name: mode === 'in-order' ? 'Apache Camel, in order' : 'Apache Camel, 8 threads, no order',
    ...(mode === 'in-order' ? { slowOn: ['artemis'] } : { drains: [] }),
    prepare: (job) => prepareSession(job, clientIdOf(job)),
    start: (job) => start(job, mode),
  };
}

/** The other way: camel-jms to camel-paho. */
export function camelToMqttPeer(mode: 'transacted' | 'dups-ok'): Peer {
  return {
    name: mode === 'transacted' ? 'Apache Camel, transacted' : 'Apache Camel, 8 consumers, DUPS_OK, no order',
    ...(mode === 'transacted' ? { slowOn: ['artemis'] } : {}),
    prepare: async () => {},
    start: (job) => start(job, mode),
  };
}

const clientIdOf = ({ id }: Job) => `${id}-camel`;

function start(job: Job, mode: string): Promise<RunningPeer> {
  const { broker, topicFilter, queue } = job;
  const { host, ports, accounts, type } = broker;
  const jms =
    type === 'activemq'
      ? ['openwire', `tcp://${host}:${ports.openwire}`]
      : ['qpid', `amqp://${host}:${ports.amqp}`];
  const { username, password } = accounts.bridge;
  const place = [...jms, `tcp://${host}:${ports.mqtt}`, username, topicFilter, queue, clientIdOf(job), mode];
  return counted((onLine) => runJava(CAMEL, place, { BENCH_PASSWORD: password }, onLine));
}

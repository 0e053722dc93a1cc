import { fileURLToPath } from 'node:url';
import { counted, prepareSession, runJava } from '../load.js';
import type { Job, Peer } from './peer.js';

const CAMEL = { folder: fileURLToPath(new URL('../camel', import.meta.url)), jar: 'camel-peer.jar' };

/** Apache Camel, camel-paho to camel-jms with a pool of JMS connections; see CamelPeer.java for the modes. */
export function camelPeer(mode: 'in-order' | 'parallel'): Peer {
  const clientId = ({ id }: Job) => `${id}-camel`;
  return {
    name: mode === 'in-order' ? 'Apache Camel, in order' : 'Apache Camel, 8 threads, no order',
    ...(mode === 'in-order' ? {} : { drains: [] }),
    prepare: (job) => prepareSession(job, clientId(job)),
    start: async (job) => {
      const { broker, topicFilter, queue } = job;
      const { host, ports, accounts, type } = broker;
      const jms =
        type === 'activemq'
          ? ['openwire', `tcp://${host}:${ports.openwire}`]
          : ['qpid', `amqp://${host}:${ports.amqp}`];
      const { username, password } = accounts.bridge;
      const place = [
        ...jms,
        `tcp://${host}:${ports.mqtt}`,
        username,
        topicFilter,
        queue,
        clientId(job),
        mode,
      ];
      return counted((onLine) => runJava(CAMEL, place, { BENCH_PASSWORD: password }, onLine));
    },
  };
}

import { renderPattern } from '../../message/address.js';
import type { Flavour } from './flavour.js';
import { safeName } from './safe-name.js';

/**
 * `a,b` is two destinations, `a?x=y` is `a` with an option, and a queue named with a wildcard gives its messages to
 * whoever reads a matching queue. There is no escape for any of them (ActiveMQDestination.createDestination).
 */
const UNSAFE = /[,?*>]/;

/** Apache ActiveMQ Classic, seen with 6.1.8. */
export const activemq: Flavour = {
  type: 'activemq',
  product: 'ActiveMQ Classic',
  mqtt: { sharedSubscriptions: false, keepsPublishOrder: true },
  amqp: {
    isProduct: (product) => product === 'ActiveMQ',
    // A bare name is always a queue there; the prefix decides, the capability is ignored.
    to: (address) => `${address.kind}://${safeName(address, UNSAFE)}`,
    source: (pattern) => ({
      address: `${pattern.kind}://${renderPattern(pattern, { one: '*', rest: '>' })}`,
      capabilities: [pattern.kind],
    }),
    plainName: (address) => address.replace(/^(?:temp-)?(?:queue|topic):\/\//, ''),
  },
  stomp: {
    isServer: (server) => server.startsWith('ActiveMQ/'),
    sendHeaders: (address) => ({ destination: `/${address.kind}/${safeName(address, UNSAFE)}` }),
    subscribeHeaders: ({ pattern, durable, prefetch }) => ({
      destination: `/${pattern.kind}/${renderPattern(pattern, { one: '*', rest: '>' })}`,
      'activemq.prefetchSize': String(prefetch),
      ...(durable === undefined ? {} : { 'activemq.subscriptionName': durable }),
    }),
    plainName: (destination) => destination.replace(/^\/(?:queue|topic|temp-queue|temp-topic)\//, ''),
    openTransactions: 2,
    // With content-length alone it would be a BytesMessage.
    textMarker: { 'amq-msg-type': 'text' },
  },
  jmsVia: 'stomp',
};

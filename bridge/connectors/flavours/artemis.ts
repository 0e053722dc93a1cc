import { renderPattern } from '../../message/address.js';
import type { DuplicateProperties, Flavour, TopicProperties } from './flavour.js';
import { LONGEST_JMS_NAME, safeName } from './safe-name.js';

/** `address::queue` names one queue of an address: other consumers of the address would get nothing. */
const UNSAFE = /::/;

const ROUTING = { queue: 'ANYCAST', topic: 'MULTICAST', mqtt: 'MULTICAST' } as const;

/** At most this QoS; a subscription may ask for less. */
const topicProperties: TopicProperties = ({ qos }) => ({ 'mqtt.qos.level': qos });

/** It remembers 20,000 ids an address, across restarts. As anything but text it is rejected. */
const duplicateProperties: DuplicateProperties = (id) => ({ _AMQ_DUPL_ID: id });

/** It parts levels by `.`, and writes a backslash before what means something to it and came in an MQTT topic (2.40.0). */
function mqttTopic(jmsName: string): string {
  return jmsName.replace(/\\(.)|\./gs, (_all, escaped: string | undefined) => escaped ?? '/');
}

/** Apache ActiveMQ Artemis, seen with 2.40.0 and its default configuration. */
export const artemis: Flavour = {
  type: 'artemis',
  product: 'ActiveMQ Artemis',
  mqtt: {
    versions: ['3.1.1', 5],
    takesControls: true,
    sharedSubscriptions: true,
    // Each PUBLISH of QoS 1 or 2 is a transaction of its own there, and commits are not worked off in their order: of 300
    // messages with 100 unanswered at a time, a subscriber got some in the wrong order in 4 of 140 tries (2.40.0).
    keepsPublishOrder: false,
    longestTopic: LONGEST_JMS_NAME,
    retainsFrom: ['mqtt'],
    // A durable MQTT session that comes back often while thousands of messages wait uses up its packet ids, for good: then the broker
    // looks for a free one for ever and answers its client no more (2.40.0, MQTTSessionState$OutboundStore.generateMqttId).
    readAsJms: { via: 'amqp', topicOf: mqttTopic },
  },
  amqp: {
    isProduct: (product) => product === 'apache-activemq-artemis',
    // A prefix would be part of the name; queue or topic is said by annotation and capability.
    to: (address) => safeName(address, UNSAFE),
    topicProperties,
    duplicateProperties,
    fullLane: 400,
    source: (pattern) => ({
      address: renderPattern(pattern, { one: '*', rest: '#' }),
      capabilities: [pattern.kind],
    }),
    plainName: (address) => address,
  },
  stomp: {
    isServer: (server) => server.includes('Artemis'),
    // Without prefixes set on the acceptor, `/queue/x` is the name of an address.
    sendHeaders: (address) => ({
      destination: safeName(address, UNSAFE),
      'destination-type': ROUTING[address.kind],
    }),
    topicProperties,
    // No duplicate ids: one duplicate fails its whole transaction (AMQ339013, 2.40.0).
    subscribeHeaders: ({ pattern, durable, prefetch }) => ({
      destination: renderPattern(pattern, { one: '*', rest: '#' }),
      'subscription-type': ROUTING[pattern.kind],
      // In bytes; a message of chat is about 1 KiB.
      'consumer-window-size': String(prefetch * 1024),
      ...(durable === undefined ? {} : { 'durable-subscription-name': durable }),
    }),
    // The same text as `ack`, and unlike that it stands before a sender's properties (2.40.0).
    ackId: (headers) => headers['message-id'],
    plainName: (destination) => destination.replace(/^(?:queue|topic):\/\//, ''),
    // With two, consumers were seen to get whole transactions in the wrong order (2.40.0).
    openTransactions: 1,
    fullLane: 400,
    // It warns that it does not support that, and acknowledges at once (AMQ222112).
    acknowledgesInTransactions: false,
    // They must fit into one record of the journal, 501,760 bytes as it comes, as UTF-16 and with up to 102,400 characters of the
    // body; over 1 MiB the ERROR frame has a header that is too long to read (2.40.0).
    limits: { headers: 1_000, lineBytes: 100_000, bytes: 100_000 },
    unescapesNames: true,
    // It takes what follows for a number, a UUID or hexadecimal digits: an AMQP consumer gets something else, or nothing at all.
    oddCorrelationId: /^ID:AMQP_/,
  },
  // A wildcard address is one more queue beside those that it takes in (2.40.0).
  copiesFromQueues: true,
  jmsVia: { from: 'amqp', to: 'amqp' },
};

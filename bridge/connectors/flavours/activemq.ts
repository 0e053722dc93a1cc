import { BridgeError } from '../../errors.js';
import { type Address, describeAddress, renderPattern } from '../../message/address.js';
import type { Flavour, TopicProperties } from './flavour.js';
import { LONGEST_JMS_NAME, safeName } from './safe-name.js';

/**
 * `a,b` is two destinations, `a?x=y` is `a` with an option, and a queue named with a wildcard gives its messages to
 * whoever reads a matching queue. There is no escape for any of them (ActiveMQDestination.createDestination).
 */
const UNSAFE = /[,?*>]/;

/** Without the first, MQTT subscribers get persistent messages at QoS 0 and others at QoS 1 (MQTTProtocolConverter). */
const topicProperties: TopicProperties = ({ qos, retain }) => ({
  'ActiveMQ.MQTT.QoS': qos,
  ...(retain ? { 'ActiveMQ.Retain': true } : {}),
});

const AS_IN_JMS: Readonly<Record<string, string>> = { '/': '.', '.': '/', '*': '+', '>': '#' };

/**
 * The JMS topic that MQTT subscribers of this one read (MQTTProtocolSupport).
 * @throws BridgeError `destination-refused` for what no MQTT topic can be called (MQTT 3.1.1, 4.7)
 */
function jmsTopic(address: Address): Address {
  const bad = /[+#\0]/.exec(address.name);
  if (bad !== null)
    throw new BridgeError(
      'destination-refused',
      `${describeAddress(address)}: ${JSON.stringify(bad[0])} cannot stand in a topic that is published to`,
    );
  return {
    kind: 'topic',
    name: address.name.replace(/[/.*>]/g, (character) => AS_IN_JMS[character] ?? character),
  };
}

/** Apache ActiveMQ Classic, seen with 6.1.8. */
export const activemq: Flavour = {
  type: 'activemq',
  product: 'ActiveMQ Classic',
  mqtt: {
    // It closes the socket on an MQTT 5 CONNECT, without a CONNACK (6.1.8).
    versions: ['3.1.1'],
    takesControls: true,
    sharedSubscriptions: false,
    keepsPublishOrder: true,
    // Over AMQP a retained TextMessage is rejected with a NullPointerException of the broker (6.1.8).
    longestTopic: LONGEST_JMS_NAME,
    // Over MQTT it acknowledges and throws away what the account may not publish (6.1.8).
    writtenVia: 'stomp',
    retainsFrom: ['mqtt', 'stomp'],
  },
  amqp: {
    isProduct: (product) => product === 'ActiveMQ',
    // A bare name is always a queue there; the prefix decides, the capability is ignored.
    to: (address) => `${address.temporary ? 'temp-' : ''}${address.kind}://${safeName(address, UNSAFE)}`,
    topicProperties,
    source: (pattern) => ({
      address: `${pattern.kind}://${renderPattern(pattern, { one: '*', rest: '>' })}`,
      capabilities: [pattern.kind],
    }),
    plainName: (address) => address.replace(/^(?:temp-)?(?:queue|topic):\/\//, ''),
    // Its transformers `native`, which is the default, and `raw` (6.1.8).
    encodedBodies: {
      yes: 'JMS_AMQP_NATIVE = TRUE',
      no: 'JMS_AMQP_NATIVE IS NULL OR JMS_AMQP_NATIVE = FALSE',
      refusal: /Missing to field for message sent to an anonymous producer/,
      cure: 'transport.transformer=jms',
    },
  },
  stomp: {
    isServer: (server) => server.startsWith('ActiveMQ/'),
    // `/temp-queue/x` is a temporary queue of this connection's own, whatever x says (FrameTranslator).
    sendHeaders: (given) => {
      const address = given.kind === 'mqtt' ? jmsTopic(given) : given;
      const kind = `${address.temporary ? 'remote-temp-' : ''}${address.kind}`;
      return { destination: `/${kind}/${safeName(address, UNSAFE)}` };
    },
    topicProperties,
    subscribeHeaders: ({ pattern, durable, prefetch }) => ({
      destination: `/${pattern.kind}/${renderPattern(pattern, { one: '*', rest: '>' })}`,
      // 1,000 is its own default for queues, and in a durable subscription it then takes 100 (PolicyEntry.configurePrefetch).
      'activemq.prefetchSize': String(prefetch === 1_000 ? prefetch + 1 : prefetch),
      ...(durable === undefined ? {} : { 'activemq.subscriptionName': durable }),
    }),
    // What was sent over AMQP keeps its sender's message id, and the broker finds no message by such an id: it answers the
    // ACK with an ERROR or not at all (6.1.8). Its conversion to JMS leaves these headers.
    ackId: (headers) =>
      Object.keys(headers).some((name) => name.startsWith('JMS_AMQP_')) ? undefined : headers.ack,
    plainName: (destination) => destination.replace(/^\/(?:(?:remote-)?temp-)?(?:queue|topic)\//, ''),
    openTransactions: 2,
    fullLane: 400,
    acknowledgesInTransactions: true,
    // Seen with 6.1.8: 1,001 headers and 10,241 bytes were taken. All together may be as large as a frame.
    limits: { headers: 1_000, lineBytes: 10_240, bytes: 10_240_000 },
    unescapesNames: false,
    // With content-length alone it would be a BytesMessage.
    textMarker: { 'amq-msg-type': 'text' },
  },
  // STOMP transactions write several times as fast; AMQP alone can acknowledge whatever a queue may hold.
  jmsVia: { from: 'amqp', to: 'stomp' },
};

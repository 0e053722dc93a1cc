import type { Address, AddressPattern } from '../../message/address.js';
import type { OutboundMessage, PropertyValue } from '../../message/message.js';
import type { BrokerType, MqttVersion, Protocol } from '../connector.js';
import { activemq } from './activemq.js';
import { artemis } from './artemis.js';
import { mqttBroker } from './mqtt.js';

/**
 * What differs between the types of broker, as data: the connectors hold no condition on the type of a broker.
 * One table a broker, one section a protocol.
 */
export interface Flavour {
  readonly type: BrokerType;
  /** For people: `ActiveMQ Classic`. */
  readonly product: string;
  readonly mqtt: MqttFlavour;
  readonly amqp?: AmqpFlavour;
  readonly stomp?: StompFlavour;
  /**
   * True where a subscription to a pattern of queues does not take their messages, but gets a copy of each that comes from then on, and
   * the queues keep theirs.
   */
  readonly copiesFromQueues?: true;
  /** What JMS destinations are read and written over when the rule does not say. */
  readonly jmsVia?: Readonly<Record<'from' | 'to', Exclude<Protocol, 'mqtt'>>>;
}

/**
 * Properties of a message for a JMS topic that tell the broker what the topic's MQTT subscribers get; nobody else may set
 * them.
 */
export type TopicProperties = (
  message: Pick<OutboundMessage, 'qos' | 'retain'>,
) => Readonly<Record<string, PropertyValue>>;

/** Properties that make a broker drop a second message with the same id; it answers as if it had taken it. */
export type DuplicateProperties = (id: string) => Readonly<Record<string, PropertyValue>>;

export interface MqttFlavour {
  /** The versions of the protocol that it speaks, of those that the bridge does. */
  readonly versions: readonly MqttVersion[];
  /** False where a control character in a text of a packet may end the connection, as MQTT 5, 1.5.4 lets it. */
  readonly takesControls: boolean;
  /** False where `$share/…` is granted and then never delivers. */
  readonly sharedSubscriptions: boolean;
  /** False where publishes of one connection may overtake each other while they have no answer. */
  readonly keepsPublishOrder: boolean;
  /** Bytes of the longest topic that is published to. */
  readonly longestTopic: number;
  /** How messages for an MQTT topic are best written, where not over MQTT: it is a JMS topic too. */
  readonly writtenVia?: 'stomp';
  /** The protocols over which a message for a JMS topic can be retained for later MQTT subscribers. */
  readonly retainsFrom: readonly Protocol[];
  /** How messages of an MQTT topic are best read, where not over MQTT: it is a JMS topic too. */
  readonly readAsJms?: {
    readonly via: 'amqp';
    /** The MQTT topic that is this JMS topic. */
    readonly topicOf: (jmsName: string) => string;
  };
}

/** How to find out that a broker keeps what comes over AMQP encoded, and hands it so to clients of other protocols. */
export interface EncodedBodies {
  /** JMS selectors: one takes such a message, the other any other one. */
  readonly yes: string;
  readonly no: string;
  /** What it says when it cannot even send on a message like that. */
  readonly refusal: RegExp;
  /** The setting of the broker that changes it. */
  readonly cure: string;
}

export interface AmqpFlavour {
  /** Does the Open frame's `product` property name this broker? */
  readonly isProduct: (product: string) => boolean;
  /** The text for `to` of a message on the anonymous relay. */
  readonly to: (address: Address) => string;
  readonly topicProperties: TopicProperties;
  readonly duplicateProperties?: DuplicateProperties;
  /** See `fullLaneOf`. */
  readonly fullLane?: number;
  /** Where a setting of the broker decides whether clients of other protocols can read what comes over AMQP. */
  readonly encodedBodies?: EncodedBodies;
  /** Source terminus for a subscription: address in the broker's own wildcard dialect, and its capabilities. */
  readonly source: (pattern: AddressPattern) => {
    readonly address: string;
    readonly capabilities: readonly string[];
  };
  /** The plain name in a received message's `to` or `reply_to`, free of the broker's prefixes. */
  readonly plainName: (address: string) => string;
}

export interface StompFlavour {
  /** Does the CONNECTED frame's `server` header name this broker? */
  readonly isServer: (server: string) => boolean;
  readonly sendHeaders: (address: Address) => Readonly<Record<string, string>>;
  readonly topicProperties: TopicProperties;
  readonly subscribeHeaders: (options: {
    readonly pattern: AddressPattern;
    /** Name of a durable subscription. */
    readonly durable?: string;
    /** Messages the broker may hand over unacknowledged. */
    readonly prefetch: number;
  }) => Readonly<Record<string, string>>;
  /**
   * What an ACK or NACK of this MESSAGE frame has to name; undefined when the broker would not take one. A sender's properties
   * may stand in for headers of the same name, so it is read where they cannot.
   */
  readonly ackId: (headers: Readonly<Record<string, string>>) => string | undefined;
  /** The plain name in a received message's `destination` or `reply-to`. */
  readonly plainName: (destination: string) => string;
  /**
   * Transactions of one connection that may be without a receipt. More than one lets the broker read the next while it
   * syncs the last; one where commits are not worked off in their order.
   */
  readonly openTransactions: number;
  /** See `fullLaneOf`. */
  readonly fullLane: number;
  /** True where an ACK may be part of a transaction, so that what was taken and what is sent for it change places at once. */
  readonly acknowledgesInTransactions: boolean;
  /** The most that the headers of a SEND may be; over more the broker ends the connection. */
  readonly limits: {
    readonly headers: number;
    /** Of one header: name, colon and value, escaped. */
    readonly lineBytes: number;
    /** Of all of them together. */
    readonly bytes: number;
  };
  /** False where the escapes in a header's name stay there: only STOMP clients would see the property's own name. */
  readonly unescapesNames: boolean;
  /** Correlation ids that this broker takes for its own spelling of ids of other types, and does not hand over as they were. */
  readonly oddCorrelationId?: RegExp;
  /** Headers that make a SEND with content-length a TextMessage, where the broker has any. */
  readonly textMarker?: Readonly<Record<string, string>>;
}

const FLAVOURS: Readonly<Record<BrokerType, Flavour>> = { activemq, artemis, mqtt: mqttBroker };

export function flavourOf(type: BrokerType): Flavour {
  return FLAVOURS[type];
}

/**
 * Messages on their way that keep one connection to such a broker busy: only with more of them a second one brings something (of 100, 200
 * and 400 the last took the least CPU, bench/RESULTS.md). Undefined
 * where each message goes alone: over MQTT, whose QoS 0 has no answer either, and where the broker brings each to its disk by itself.
 */
export function fullLaneOf(type: BrokerType, protocol: Protocol): number | undefined {
  const { amqp, stomp } = flavourOf(type);
  return { mqtt: undefined, amqp: amqp?.fullLane, stomp: stomp?.fullLane }[protocol];
}

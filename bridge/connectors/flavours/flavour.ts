import type { Address, AddressPattern } from '../../message/address.js';
import type { BrokerType, Protocol } from '../connector.js';
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
  /** What a JMS destination is reached over when the rule does not say. */
  readonly jmsVia?: Exclude<Protocol, 'mqtt'>;
}

export interface MqttFlavour {
  /** False where `$share/…` is granted and then never delivers. */
  readonly sharedSubscriptions: boolean;
  /** False where publishes of one connection may overtake each other while they have no answer. */
  readonly keepsPublishOrder: boolean;
}

export interface AmqpFlavour {
  /** Does the Open frame's `product` property name this broker? */
  readonly isProduct: (product: string) => boolean;
  /** The text for `to` of a message on the anonymous relay. */
  readonly to: (address: Address) => string;
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
  readonly subscribeHeaders: (options: {
    readonly pattern: AddressPattern;
    /** Name of a durable subscription. */
    readonly durable?: string;
    /** Messages the broker may hand over unacknowledged. */
    readonly prefetch: number;
  }) => Readonly<Record<string, string>>;
  /** The plain name in a received message's `destination` or `reply-to`. */
  readonly plainName: (destination: string) => string;
  /**
   * Transactions of one connection that may be without a receipt. More than one lets the broker read the next while it
   * syncs the last; one where commits are not worked off in their order.
   */
  readonly openTransactions: number;
  /** Headers that make a SEND with content-length a TextMessage, where the broker has any. */
  readonly textMarker?: Readonly<Record<string, string>>;
}

const FLAVOURS: Readonly<Record<BrokerType, Flavour>> = { activemq, artemis, mqtt: mqttBroker };

export function flavourOf(type: BrokerType): Flavour {
  return FLAVOURS[type];
}

import type { BridgeError } from '../errors.js';
import type { AddressPattern } from '../message/address.js';
import type { Message, OutboundMessage, Qos } from '../message/message.js';
import type { Secret } from '../secret.js';

/** The contract between a connector (the code for one protocol) and a flow. Nothing else passes between them. */

export type BrokerType = 'activemq' | 'artemis' | 'mqtt';
export type Protocol = 'mqtt' | 'amqp' | 'stomp';
export type MqttVersion = '3.1.1' | 5;

export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

/** Everything needed to connect once. */
export interface Endpoint {
  /** The broker's name in the mapping file: for errors only. */
  readonly broker: string;
  readonly brokerType: BrokerType;
  readonly protocol: Protocol;
  /** MQTT only; without it 3.1.1. */
  readonly mqttVersion?: MqttVersion;
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
  /** Where else the same broker may be found (its standby), tried in turn. */
  readonly others?: readonly Pick<Endpoint, 'host' | 'port' | 'tls'>[];
  readonly username?: string;
  readonly password?: Secret;
  /** MQTT client id, AMQP container id, STOMP client-id. The same after each reconnect and restart. */
  readonly clientId: string;
  /** MQTT: false asks for a session that outlives the connection. AMQP and STOMP do not use it. */
  readonly cleanSession: boolean;
  /** Milliseconds for TCP, TLS and the protocol handshake together. */
  readonly connectTimeout: number;
  /** Milliseconds of silence after which the peer counts as gone (keep-alive, idle time-out, heart-beat). */
  readonly idleTimeout: number;
}

/** accepted: done, forget it. released: give it again later. rejected: never give it again; the broker's own DLQ. */
export type Outcome = 'accepted' | 'released' | 'rejected';

/** One handing-over of a message by a source. */
export interface Delivery {
  readonly message: Message;
  /** True when the broker says that it may have handed this message over before. */
  readonly redelivered: boolean;
  /**
   * Call exactly once; a second call throws. After the connection died it does nothing: the broker hands the message over again.
   * MQTT and STOMP cannot take back one message: there `released` leaves it unacknowledged and ends the
   * connection (its `lost` resolves), and MQTT takes `rejected` as `accepted`.
   */
  settle(outcome: Outcome): void;
}

/** One open subscription. Without credit it hands over nothing. */
export interface Source {
  /** Lets the source hand over this many more deliveries. */
  grant(credit: number): void;
  /** Resolves when the broker has handed over all it has, as far as the credit goes; what is left of that is gone. AMQP only. */
  drain?(): Promise<void>;
  /**
   * Ends subscriptions of the session, and with them whatever still waits for them there. Resolves when the broker has confirmed;
   * rejects when the connection ends before. MQTT only.
   */
  unsubscribe?(this: void, subscriptions: readonly MqttSubscription[]): Promise<void>;
  /** No further delivery after it resolves; those handed over can still be settled. Durable subscriptions stay. */
  stop(): Promise<void>;
}

/** One open way to send. */
export interface Sink {
  /**
   * Resolves on the broker's proof (PUBACK, accepted, RECEIPT). Sends of one sink reach the broker in call order.
   * Rejects with a BridgeError: transient (same message may work later; outcome possibly unknown) or not.
   * `batch-refused`: send again one at a time to find the culprit. Sends pending when the connection dies reject
   * with `connection-lost`, each one. A send without an answer rejects with `send-timeout` after `SinkSpec.sendTimeout`.
   */
  send(message: OutboundMessage): Promise<void>;
  /**
   * A transaction in which a delivery of a source of the same connection is accepted. STOMP, and only on brokers that take
   * acknowledgements into transactions (flavours).
   */
  transaction?(delivery: Delivery): Transaction;
}

/** Sends and the settlement of one delivery, which happen together or not at all. Nothing is written before `commit`. */
export interface Transaction {
  /** @throws BridgeError, not transient, when the message cannot be sent as it is; then it is not part of the transaction. */
  add(message: OutboundMessage): void;
  /**
   * Resolves on the broker's proof; the delivery counts as settled from the call on. Rejects like `Sink.send`: then nothing
   * has happened, or when the connection died meanwhile everything or nothing, and in the latter case the broker hands the
   * message over again.
   */
  commit(): Promise<void>;
}

export type SourceSpec =
  | { readonly kind: 'mqtt'; readonly subscriptions: readonly MqttSubscription[] }
  | {
      readonly kind: 'queue' | 'topic';
      readonly pattern: AddressPattern;
      /** How many deliveries will be unsettled at most: what the broker may send ahead. */
      readonly window: number;
      /** JMS selector, evaluated by the broker. */
      readonly selector?: string;
      /** Name of a durable topic subscription. */
      readonly durable?: string;
      /** Looks at the messages of a queue and leaves them there; an outcome means nothing then. AMQP only. */
      readonly browse?: boolean;
    };

export interface MqttSubscription {
  readonly pattern: AddressPattern;
  readonly qos: Qos;
  /** Its group: each message goes to one of the sources that subscribe to the same pattern with the same name here. */
  readonly share?: string;
}

export interface SinkSpec {
  /** Milliseconds until a send without an answer rejects, counted from when it was written. */
  readonly sendTimeout: number;
  /** How many sends may be without an answer at most; further ones wait inside the sink, in order. */
  readonly window: number;
  /** Called with the number of messages that the broker has confirmed together, where the protocol has such a thing. STOMP only. */
  readonly onBatch?: (messages: number) => void;
  /** Opens although the broker would hand what is sent to most of its clients in a form that they cannot read. Without it: `wrong-broker`. */
  readonly evenIfUnreadable?: true;
}

/** One connection to one broker. It lives once: never reopened, replaced instead. */
export interface Connection {
  /** Resolves when the broker has confirmed the subscription. Rejects with a BridgeError. MQTT: call it once a connection. */
  source(spec: SourceSpec, onDelivery: (delivery: Delivery) => void): Promise<Source>;
  sink(spec: SinkSpec): Promise<Sink>;
  /** What the broker says it is, where the protocol has a place for it: `ActiveMQ 6.1.8`. 80 characters at most. */
  readonly peer?: string | undefined;
  /** What was found out about the broker on the way and somebody may want to change; nothing that keeps it from working. */
  readonly notes?: readonly string[];
  /** Resolves (never rejects) when the connection is gone, with the reason; by `close` too. */
  readonly lost: Promise<BridgeError>;
  /** Ends it politely, within 2 s, whatever the peer does. Unsettled deliveries stay with the broker. */
  close(): Promise<void>;
}

/**
 * Opens one connection; makes one attempt. Rejects with a BridgeError (`connection-failed`, `tls-refused`,
 * `authentication-failed`, `wrong-broker`). After `stop` aborts it rejects soon and leaves nothing open.
 */
export type Connect = (endpoint: Endpoint, stop: AbortSignal) => Promise<Connection>;

import type { Address } from './address.js';

/** A JMS property value: string, boolean, or a number (whole numbers are sent as int or long, others as double). */
export type PropertyValue = string | number | bigint | boolean;

/** A JMS body that the bridge does not carry (Map, Stream, Object): named so that the dead letter can say so. */
export interface UnsupportedBody {
  readonly unsupported: string;
  /** The bytes as received, for the dead letter; never deserialised. */
  readonly bytes: Buffer;
}

/** TextMessage: string. BytesMessage and everything from MQTT: Buffer. */
export type Body = string | Buffer | UnsupportedBody;

/** The neutral form of a message between connectors, as received from a source. Settlement stands beside it. */
export interface Message {
  readonly address: Address;
  readonly body: Body;
  /** Application properties only; what steers a broker is left out by the connector. Keys are any text. */
  readonly properties: ReadonlyMap<string, PropertyValue>;
  readonly id?: string;
  /** Milliseconds since the epoch, when the producer's client or broker says so. */
  readonly timestamp?: number;
  readonly correlationId?: string;
  readonly replyTo?: Address;
  /** JMSType. */
  readonly type?: string;
  /** JMSXGroupID. */
  readonly group?: string;
  readonly priority?: number;
  /** Milliseconds that were left of its time to live when it was handed over; 0 when that is over. */
  readonly ttl?: number;
  /** True when it came over a persistent (JMS) or QoS 1 or 2 (MQTT) path. */
  readonly persistent: boolean;
  readonly qos?: Qos;
  readonly retained: boolean;
}

export type Qos = 0 | 1 | 2;

/** A message ready for a sink: every decision is made, nothing is a template any more. */
export interface OutboundMessage {
  readonly to: Address;
  /** String: TextMessage (or UTF-8 payload). Buffer: BytesMessage (or payload as it is). */
  readonly body: string | Buffer;
  readonly properties: ReadonlyMap<string, PropertyValue>;
  readonly persistent: boolean;
  /** Milliseconds since the epoch; becomes JMSTimestamp. */
  readonly timestamp: number;
  /** Becomes JMSMessageID where the protocol lets the sender set it. Starts with `ID:`. */
  readonly id: string;
  /** A broker that can drops another message with the same one. */
  readonly duplicateId?: string;
  readonly correlationId?: string;
  readonly replyTo?: Address;
  readonly type?: string;
  readonly group?: string;
  /** 0 to 9. */
  readonly priority?: number;
  /** Milliseconds. */
  readonly ttl?: number;
  readonly qos: Qos;
  readonly retain: boolean;
}

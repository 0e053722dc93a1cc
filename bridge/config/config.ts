import type { BrokerType, MqttVersion, Protocol, TlsOptions } from '../connectors/connector.js';
import type { Address, AddressKind } from '../message/address.js';
import type { PropertyValue, Qos } from '../message/message.js';
import type { Expression } from '../routing/expression.js';
import type { CapturePattern } from '../routing/pattern.js';
import type { Template } from '../routing/template.js';
import type { Secret } from '../secret.js';

/** A valid mapping file, typed, with every default filled in. Made only by load.ts. */
export interface Config {
  readonly brokers: ReadonlyMap<string, BrokerConfig>;
  readonly routes: readonly RouteConfig[];
  readonly http: HttpConfig;
  /** Of several bridges with these rules one works; `broker`, an ActiveMQ, has the lock that they agree by. */
  readonly standby?: { readonly broker: string };
  /** Where traces of messages go (OTLP over HTTP), and which part of those that begin here. */
  readonly tracing?: { readonly otlp: string; readonly sample: number };
  readonly tests: readonly TestCase[];
  /** The other files that it was made of, secrets and TLS: full paths. */
  readonly files: readonly string[];
}

/** A message, and what has to come out of it. */
export interface TestCase {
  /** The file that it stands in, as the user named it. */
  readonly file: string;
  /** Line of that file, from 1. */
  readonly line: number;
  /** As written, or made of its place and address. */
  readonly name: string;
  readonly given: {
    readonly address: Address;
    /** Undefined when the file has only one. */
    readonly broker?: string;
    readonly body: string;
    readonly properties: ReadonlyMap<string, PropertyValue>;
    readonly replyTo?: Address;
    readonly correlationId?: string;
  };
  /** Every message that comes out, dead letters included; in any order. */
  readonly expect: readonly ExpectedMessage[];
}

/** What is not said of a message is not compared. */
export interface ExpectedMessage extends Address {
  readonly broker?: string;
  /** Text, or what its JSON is. */
  readonly body?: unknown;
  readonly properties: ReadonlyMap<string, PropertyValue>;
  /** Headers by the name that they have in `to`. */
  readonly fields: ReadonlyMap<string, unknown>;
}

export interface BrokerConfig {
  readonly name: string;
  readonly type: BrokerType;
  /** Only the protocols that this type of broker offers; of each the addresses, to be tried in turn. */
  readonly endpoints: ReadonlyMap<Protocol, readonly [HostPort, ...HostPort[]]>;
  readonly mqttVersion: MqttVersion;
  readonly username?: string;
  readonly password?: Secret;
  /** Start of every client id that the bridge uses there; two bridges need two. */
  readonly clientId: string;
  /** Sink connections a route opens there. */
  readonly lanes: number;
  /** Sends a message there and reads it back, every so many milliseconds. */
  readonly canary?: { readonly every: number };
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
}

export interface RouteConfig {
  readonly name: string;
  readonly enabled: boolean;
  readonly from: FromConfig;
  /** Only messages for which it is true are taken; the others are accepted and forgotten. */
  readonly where?: Expression;
  readonly to: readonly ToConfig[];
  /** What must stay in order among itself; without it the source address. */
  readonly orderBy?: Template;
  /** How many deliveries may be unsettled at once. */
  readonly inFlight: number;
  readonly delivery: DeliveryGuarantee;
  readonly retry: RetryConfig;
  /** Of messages with the same text only the first is sent. */
  readonly dedupe?: Template;
  readonly limits: LimitsConfig;
  readonly reply?: ReplyConfig;
  /** Queue (on a plain MQTT broker: topic with `/` for `.`) that takes what can never be delivered. */
  readonly deadLetter: string;
}

/** At most once: accepted before it is sent, and not sent again when the outcome is unknown. */
export type DeliveryGuarantee = 'at-least-once' | 'at-most-once';

export interface RetryConfig {
  /** Milliseconds of backoff between attempts. */
  readonly initial: number;
  readonly max: number;
  /** How often a message that its broker refuses is tried. */
  readonly attempts: number;
}

/** What a route takes at most; without a limit as much as comes. */
export interface LimitsConfig {
  /** Bridges that a message may have passed: with as many as this it is not sent on. */
  readonly hops: number;
  /** Of a body. */
  readonly bytes?: number;
  /** Different destination names since the start. */
  readonly destinations?: number;
  /** Messages a second. */
  readonly rate?: number;
}

export interface FromConfig {
  readonly kind: AddressKind;
  readonly broker: string;
  readonly via: Protocol;
  readonly pattern: CapturePattern;
  readonly qos: Qos;
  readonly session: 'durable' | 'clean';
  /** Routes with the same name here share one source session. */
  readonly connection?: string;
  /** The group of a shared subscription. */
  readonly share?: string;
  readonly selector?: string;
  readonly durable?: string;
}

/** How a message goes out, wherever it goes. */
export interface OutputConfig {
  readonly broker: string;
  readonly via: Protocol;
  readonly as?: 'text' | 'bytes';
  readonly body?: Template;
  readonly properties: ReadonlyMap<string, Template>;
  /** The message's own properties too. */
  readonly copyProperties: boolean;
  readonly group?: Template;
  readonly type?: Template;
  readonly correlationId?: Template;
  readonly replyTo?: { readonly kind: AddressKind; readonly name: Template };
  readonly priority?: number;
  /** Milliseconds. */
  readonly ttl?: number;
  readonly persistent: boolean;
  readonly qos: Qos;
  readonly retain: boolean;
}

export interface ToConfig extends OutputConfig {
  readonly kind: AddressKind;
  readonly name: Template;
}

/** Makes a rule's messages requests: answers that come back go to where the asker wants them. */
export interface ReplyConfig {
  /** Where answers come. */
  readonly from: FromConfig;
  /** Which request an answer is to; without it the answer's correlation id. */
  readonly id?: Template;
  /** Which places an asker may name, and how an answer goes there. */
  readonly to: readonly ReplyTarget[];
  /** Where an asker wants its answer; without it what its message says (JMSReplyTo, MQTT 5 Response Topic). */
  readonly replyTo?: Template;
  /** What an asker calls its request; without it what its message says, else the message's id. */
  readonly correlationId?: Template;
  /** Milliseconds that an answer may take. */
  readonly within: number;
  /** Requests that wait for an answer, at most. */
  readonly pending: number;
}

export interface ReplyTarget extends OutputConfig {
  readonly allows: { readonly pattern: CapturePattern } | { readonly temporary: 'queue' | 'topic' };
}

export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** Where the chat page finds MQTT over WebSocket, for example `ws://localhost:61614`. */
  readonly chat?: string;
  /** Without it nobody may see or move messages over HTTP. */
  readonly admin?: AdminConfig;
  /** HTTPS; with `ca` only for clients that have a certificate by these authorities. */
  readonly tls?: ServerTls;
}

export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

export interface AdminConfig {
  readonly token: Secret;
  /** May messages be watched as they come? */
  readonly tail: boolean;
}

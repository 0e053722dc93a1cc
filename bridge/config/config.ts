import type { BrokerType, Protocol, TlsOptions } from '../connectors/connector.js';
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
  readonly tests: readonly TestCase[];
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
  /** Only the protocols that this type of broker offers. */
  readonly endpoints: ReadonlyMap<Protocol, HostPort>;
  readonly username?: string;
  readonly password?: Secret;
  /** Start of every client id that the bridge uses there; two bridges need two. */
  readonly clientId: string;
  /** Sink connections a route opens there. */
  readonly lanes: number;
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
  /** Milliseconds of backoff between attempts of a transient failure. */
  readonly retry: { readonly initial: number; readonly max: number };
  /** Queue (on a plain MQTT broker: topic with `/` for `.`) that takes what can never be delivered. */
  readonly deadLetter: string;
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
  readonly selector?: string;
  readonly durable?: string;
}

export interface ToConfig {
  readonly kind: AddressKind;
  readonly broker: string;
  readonly via: Protocol;
  readonly name: Template;
  readonly as?: 'text' | 'bytes';
  readonly body?: Template;
  readonly properties: ReadonlyMap<string, Template>;
  readonly group?: Template;
  readonly type?: Template;
  readonly correlationId?: Template;
  readonly priority?: number;
  /** Milliseconds. */
  readonly ttl?: number;
  readonly persistent: boolean;
  readonly qos: Qos;
  readonly retain: boolean;
}

export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** Where the chat page finds MQTT over WebSocket, for example `ws://localhost:61614`. */
  readonly chat?: string;
}

import type { BrokerType } from '../../bridge/connectors/connector.js';
import { startArtemisBroker } from './brokers/artemis.js';
import { startClassicBroker } from './brokers/classic.js';
import { startMosquittoBroker } from './brokers/mosquitto.js';

export { freePort } from './brokers/ports.js';

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** A real broker on free ports of the loopback interface, with a data folder of its own. */
export interface TestBroker {
  readonly type: BrokerType;
  readonly host: '127.0.0.1';
  readonly ports: {
    readonly mqtt: number;
    readonly amqp?: number;
    readonly stomp?: number;
    readonly openwire?: number;
    readonly ws?: number;
  };
  /** The only ones it takes; they may do everything, unless `permissions` says otherwise. */
  readonly accounts: Readonly<Record<'bridge' | 'backend' | 'ann' | 'bob', Account>>;
  /** Ends it cleanly and removes its data. Call it at the end of every test file. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash; its data stay. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it on the same ports and data; stops it cleanly before if it still runs. */
  restart(): Promise<void>;
  /** Changes what it takes of an account from now on; the accounts above stay as they were. ActiveMQ alone. */
  setPassword(username: string, password: string): Promise<void>;
  /** SIGSTOP: its sockets stay open, nothing answers from when it resolves. */
  pause(): Promise<void>;
  resume(): void;
}

export interface BrokerOptions {
  /** Sends to names with any other first level are refused; Classic: to JMS destinations alone. */
  readonly writable?: string;
  /** With `writable`: names with any other first level cannot be read. By default all can. */
  readonly readable?: string;
  /** Changes its configuration: activemq.xml or broker.xml. */
  readonly edit?: (xml: string) => string;
  /** MiB of its JVM's memory. */
  readonly heap?: number;
}

export interface ClassicOptions extends BrokerOptions {
  /** How it reads AMQP messages; by default as the bridge needs it. */
  readonly transformer?: 'native' | 'raw';
  /** The group that may make temporary destinations; with `writable` only. By default everybody. */
  readonly temporary?: string;
  /** `shipped`: what broker/activemq.xml permits, as with `up`; without it every account may do everything. */
  readonly permissions?: 'shipped';
}

export interface MosquittoOptions extends Pick<BrokerOptions, 'writable'> {
  /** More lines of its configuration: for all of it, or for the MQTT listener. */
  readonly settings?: readonly string[];
}

export const startClassic = (options: ClassicOptions = {}): Promise<TestBroker> =>
  startClassicBroker(options);
export const startArtemis = (options: BrokerOptions = {}): Promise<TestBroker> => startArtemisBroker(options);
export const startMosquitto = (options: MosquittoOptions = {}): Promise<TestBroker> =>
  startMosquittoBroker(options);

import { afterAll, afterEach, beforeAll } from 'vitest';
import type {
  Connect,
  Connection,
  Delivery,
  Endpoint,
  Protocol,
  Sink,
  Source,
  SourceSpec,
} from '../../bridge/connectors/connector.js';
import type { Address, PatternLevel } from '../../bridge/message/address.js';
import type { OutboundMessage } from '../../bridge/message/message.js';
import type { BrokerOptions, TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { endpointOf } from './brokers-under-test.js';
import { outbound } from './suite.js';

/** What tests of a JMS connector share: one broker a `describe`, connections that are closed after each test. */

type JmsAddress = Address & { readonly kind: 'queue' | 'topic' };

export const forever = () => new AbortController().signal;
export const queue = (name = uniqueName('test.q')): JmsAddress => ({ kind: 'queue', name });
export const topic = (name = uniqueName('test.t')): JmsAddress => ({ kind: 'topic', name });

const literals = (name: string): PatternLevel[] => name.split('.').map((literal) => ({ literal }));

export function from(
  { kind, name }: JmsAddress,
  more: { readonly selector?: string; readonly durable?: string; readonly window?: number } = {},
): SourceSpec {
  return { kind, pattern: { kind, levels: literals(name) }, window: 1_000, ...more };
}

export function wildcard(base: string, last: 'one' | 'rest', kind: 'queue' | 'topic' = 'topic'): SourceSpec {
  return { kind, pattern: { kind, levels: [...literals(base), last] }, window: 1_000 };
}

export function message(
  to: Address,
  body: string | Buffer,
  over: Partial<OutboundMessage> = {},
): OutboundMessage {
  return { ...outbound(to, body), ...over };
}

/** A source with everything it handed over, in order. */
export interface Inbox {
  readonly connection: Connection;
  readonly source: Source;
  readonly deliveries: Delivery[];
  readonly bodies: () => (string | Buffer)[];
  take(count: number): Promise<Delivery[]>;
}

export interface Workbench {
  readonly broker: TestBroker;
  /** Artemis does over AMQP; over STOMP a duplicate would fail the others of its transaction. */
  readonly dropsDuplicates: boolean;
  endpoint(over?: Partial<Endpoint>): Endpoint;
  connect(over?: Partial<Endpoint>): Promise<Connection>;
  sinkOf(window?: number, sendTimeout?: number): Promise<Sink>;
  receive(spec: SourceSpec, over?: Partial<Endpoint>): Promise<Inbox>;
}

/** Call it inside `describe`: it starts the broker before the first test and stops it after the last. */
export function jmsWorkbench(
  protocol: Protocol,
  connectTo: Connect,
  start: (options?: BrokerOptions) => Promise<TestBroker>,
  options?: BrokerOptions,
): Workbench {
  let broker: TestBroker | undefined;
  const open: Connection[] = [];
  const started = (): TestBroker => {
    if (broker === undefined) throw new Error('the broker is there from the first test on');
    return broker;
  };

  beforeAll(async () => {
    broker = await start(options);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => connection.close()));
  });
  afterAll(() => broker?.stop());

  const endpoint = (over: Partial<Endpoint> = {}): Endpoint => ({
    ...endpointOf(started(), protocol),
    clientId: uniqueName('client'),
    idleTimeout: 30_000,
    ...over,
  });
  const connect = async (over: Partial<Endpoint> = {}): Promise<Connection> => {
    const connection = await connectTo(endpoint(over), forever());
    open.push(connection);
    return connection;
  };
  return {
    get broker() {
      return started();
    },
    get dropsDuplicates() {
      return started().type === 'artemis' && protocol === 'amqp';
    },
    endpoint,
    connect,
    sinkOf: async (window = 500, sendTimeout = 20_000) => (await connect()).sink({ window, sendTimeout }),
    receive: async (spec, over = {}) => {
      const deliveries: Delivery[] = [];
      const connection = await connect(over);
      const source = await connection.source(spec, (delivery) => deliveries.push(delivery));
      return {
        connection,
        source,
        deliveries,
        bodies: () =>
          deliveries.map(({ message: { body } }) =>
            typeof body === 'object' && !Buffer.isBuffer(body) ? body.unsupported : body,
          ),
        take: (count) =>
          eventually(() => (deliveries.length >= count ? deliveries.slice(0, count) : undefined)),
      };
    },
  };
}

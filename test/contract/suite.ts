import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type {
  Connect,
  Connection,
  Delivery,
  Endpoint,
  SourceSpec,
} from '../../bridge/connectors/connector.js';
import { BridgeError } from '../../bridge/errors.js';
import { type Address, type AddressKind, LEVEL_SEPARATOR } from '../../bridge/message/address.js';
import type { OutboundMessage, PropertyValue } from '../../bridge/message/message.js';
import { Secret } from '../../bridge/secret.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';

/** What a connector with a broker can do; each case asks only for what is promised. */
export interface Capabilities {
  /** The kind of address that the cases send to and receive from. */
  readonly kind: AddressKind;
  /** Typed: as they are. Strings: every value as text. None: no properties at all. */
  readonly properties: 'typed' | 'strings' | 'none';
  /** False where the connector refuses a property with a line break. */
  readonly lineBreaks?: boolean;
  /** Whether text and bytes arrive as what they were sent as. */
  readonly bodyTypes: boolean;
  /** Whether a message handed over again is marked as such. */
  readonly marksRedelivery: boolean;
  /** `released` gives one message back without ending the connection. */
  readonly releasesOne: boolean;
  /** Whether the broker asks for a password. */
  readonly passwords: boolean;
}

export interface ConnectorUnderTest {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly connect: Connect;
  /** Starts what is needed; gives an endpoint whose client id the suite replaces. */
  readonly start: () => Promise<{ readonly endpoint: Endpoint; readonly stop: () => Promise<void> }>;
}

/** A source with everything it handed over, in order. */
interface Inbox {
  readonly connection: Connection;
  readonly deliveries: Delivery[];
  readonly source: { grant(credit: number): void; stop(): Promise<void> };
  take(count: number): Promise<Delivery[]>;
}

/** The contract of bridge/connectors/connector.ts, case by case, for any connector against any broker. */
export function describeConnector(subject: ConnectorUnderTest): void {
  const { capabilities, connect } = subject;

  describe(`connector contract: ${subject.name}`, () => {
    let endpoint: Endpoint;
    let stopBroker: () => Promise<void> = async () => {};
    const open: Connection[] = [];

    beforeAll(async () => {
      const started = await subject.start();
      endpoint = started.endpoint;
      stopBroker = started.stop;
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((connection) => connection.close()));
    });
    afterAll(() => stopBroker());

    const connectAs = async (clientId: string): Promise<Connection> => {
      const connection = await connect({ ...endpoint, clientId }, new AbortController().signal);
      open.push(connection);
      return connection;
    };

    const receiveFrom = async (
      address: Address,
      clientId: string,
      onDelivery: (delivery: Delivery) => void = () => {},
    ): Promise<Inbox> => {
      const connection = await connectAs(clientId);
      const deliveries: Delivery[] = [];
      const source = await connection.source(specFor(address), (delivery) => {
        deliveries.push(delivery);
        onDelivery(delivery);
      });
      return {
        connection,
        deliveries,
        source,
        take: (count) =>
          eventually(() => (deliveries.length >= count ? deliveries.slice(0, count) : undefined)),
      };
    };

    const sinkOf = async () =>
      (await connectAs(uniqueName('sink'))).sink({ sendTimeout: 20_000, window: 100 });

    const setUp = async () => {
      const address = addressOf(capabilities.kind, uniqueName('contract'));
      const clientId = uniqueName('client');
      return { address, clientId, inbox: await receiveFrom(address, clientId), sink: await sinkOf() };
    };

    it('hands over a message that was sent, with its address and body', async () => {
      const { address, inbox, sink } = await setUp();
      inbox.source.grant(1);
      await sink.send(outbound(address, 'hello ✓'));
      const [delivery] = await inbox.take(1);
      expect(delivery?.message.address).toEqual(address);
      expect(String(delivery?.message.body)).toBe('hello ✓');
      expect(delivery?.redelivered).toBe(false);
      expect(delivery?.message.persistent).toBe(true);
    });

    it('keeps bytes byte for byte', async () => {
      const { address, inbox, sink } = await setUp();
      inbox.source.grant(1);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
      await sink.send(outbound(address, bytes));
      const [delivery] = await inbox.take(1);
      expect(Buffer.isBuffer(delivery?.message.body)).toBe(true);
      expect(delivery?.message.body).toEqual(bytes);
    });

    it.runIf(capabilities.bodyTypes)('keeps text as text', async () => {
      const { address, inbox, sink } = await setUp();
      inbox.source.grant(1);
      await sink.send(outbound(address, 'text: a\\b\r\nc'));
      const [delivery] = await inbox.take(1);
      expect(delivery?.message.body).toBe('text: a\\b\r\nc');
    });

    it.runIf(capabilities.properties !== 'none')(
      'carries properties, and only those that were set',
      async () => {
        const { address, inbox, sink } = await setUp();
        inbox.source.grant(1);
        const sent = new Map<string, PropertyValue>([
          ['room', capabilities.lineBreaks === false ? 'lobby: a b\\c' : 'lobby: a\nb\\c'],
          ['count', 7],
          ['ratio', 1.5],
          ['flag', true],
          ['hasOwnProperty', 'x'],
          ['__proto__', 'y'],
        ]);
        await sink.send(outbound(address, 'with properties', sent));
        const [delivery] = await inbox.take(1);
        const expected = [...sent]
          // Two leading underscores are Artemis' own; they are never copied to or from a message.
          .filter(([name]) => !name.startsWith('__'))
          .map(([name, value]): [string, PropertyValue] => [
            name,
            capabilities.properties === 'strings' ? String(value) : value,
          ]);
        const received = [...(delivery?.message.properties ?? [])].filter(([name]) => !name.startsWith('__'));
        expect(new Map(received)).toEqual(new Map(expected));
      },
    );

    it('hands over nothing without credit, and never more than was granted', async () => {
      const { address, inbox, sink } = await setUp();
      await Promise.all(Array.from({ length: 20 }, (_, index) => sink.send(outbound(address, `m${index}`))));
      expect(inbox.deliveries).toHaveLength(0);
      inbox.source.grant(3);
      await inbox.take(3);
      inbox.source.grant(2);
      await inbox.take(5);
      // Another message's way through the whole broker is time enough for a sixth to show up.
      await sink.send(outbound(address, 'm20'));
      expect(inbox.deliveries).toHaveLength(5);
    });

    it('keeps the order in which one sink sent', async () => {
      const address = addressOf(capabilities.kind, uniqueName('contract'));
      // Settled at once: Mosquitto hands over no more than 20 unacknowledged messages.
      const inbox = await receiveFrom(address, uniqueName('client'), (delivery) =>
        delivery.settle('accepted'),
      );
      const sink = await sinkOf();
      const texts = Array.from({ length: 300 }, (_, index) => `m${index}`);
      inbox.source.grant(texts.length);
      await Promise.all(texts.map((text) => sink.send(outbound(address, text))));
      const got = await inbox.take(texts.length);
      expect(got.map(({ message }) => String(message.body))).toEqual(texts);
    });

    it('does not hand over again what was accepted, and does hand over again what was not', async () => {
      const { address, clientId, inbox, sink } = await setUp();
      inbox.source.grant(3);
      for (const text of ['first', 'second', 'third']) await sink.send(outbound(address, text));
      const [first] = await inbox.take(3);
      first?.settle('accepted');
      await settledBy(inbox);
      await inbox.connection.close();
      const again = await receiveFrom(address, clientId);
      again.source.grant(10);
      const redelivered = await again.take(2);
      await sink.send(outbound(address, 'fourth'));
      const all = await again.take(3);
      expect(all.map(({ message }) => String(message.body))).toEqual(['second', 'third', 'fourth']);
      if (capabilities.marksRedelivery)
        expect(redelivered.map((delivery) => delivery.redelivered)).toEqual([true, true]);
    });

    it('gives a released message again', async () => {
      const { address, clientId, inbox, sink } = await setUp();
      inbox.source.grant(5);
      await sink.send(outbound(address, 'released'));
      const [delivery] = await inbox.take(1);
      delivery?.settle('released');
      if (capabilities.releasesOne) {
        const [, again] = await inbox.take(2);
        expect(String(again?.message.body)).toBe('released');
        return;
      }
      expect((await inbox.connection.lost).code).toBe('connection-lost');
      const next = await receiveFrom(address, clientId);
      next.source.grant(1);
      const [again] = await next.take(1);
      expect(String(again?.message.body)).toBe('released');
    });

    it('never gives a rejected message again', async () => {
      const { address, clientId, inbox, sink } = await setUp();
      inbox.source.grant(5);
      await sink.send(outbound(address, 'rejected'));
      const [delivery] = await inbox.take(1);
      delivery?.settle('rejected');
      await settledBy(inbox);
      await inbox.connection.close();
      const next = await receiveFrom(address, clientId);
      next.source.grant(5);
      await sink.send(outbound(address, 'after'));
      const [after] = await next.take(1);
      expect(String(after?.message.body)).toBe('after');
    });

    it('settles a delivery exactly once', async () => {
      const { address, inbox, sink } = await setUp();
      inbox.source.grant(1);
      await sink.send(outbound(address, 'once'));
      const [delivery] = await inbox.take(1);
      delivery?.settle('accepted');
      expect(() => delivery?.settle('accepted')).toThrow();
    });

    it('ignores a settlement after its connection died', async () => {
      const { address, clientId, inbox, sink } = await setUp();
      inbox.source.grant(1);
      await sink.send(outbound(address, 'late'));
      const [delivery] = await inbox.take(1);
      await inbox.connection.close();
      delivery?.settle('accepted');
      const next = await receiveFrom(address, clientId);
      next.source.grant(1);
      const [again] = await next.take(1);
      expect(String(again?.message.body)).toBe('late');
    });

    it('stops handing over, while what was handed over can still be settled', async () => {
      const { address, clientId, inbox, sink } = await setUp();
      inbox.source.grant(1);
      await sink.send(outbound(address, 'before'));
      const [before] = await inbox.take(1);
      await inbox.source.stop();
      inbox.source.grant(5);
      await sink.send(outbound(address, 'after'));
      before?.settle('accepted');
      await settledBy(inbox);
      expect(inbox.deliveries).toHaveLength(1);
      await inbox.connection.close();
      const next = await receiveFrom(address, clientId);
      next.source.grant(5);
      if (capabilities.kind === 'topic') return;
      const [after] = await next.take(1);
      expect(String(after?.message.body)).toBe('after');
    });

    it('resolves `lost` when it is closed, and refuses what comes after', async () => {
      const connection = await connectAs(uniqueName('closed'));
      const sink = await connection.sink({ sendTimeout: 5_000, window: 10 });
      await connection.close();
      expect((await connection.lost).code).toBe('connection-lost');
      const address = addressOf(capabilities.kind, uniqueName('contract'));
      await expect(sink.send(outbound(address, 'too late'))).rejects.toMatchObject({
        code: 'connection-lost',
      });
    });

    it.runIf(capabilities.passwords)(
      'refuses a wrong password with a reason that holds no secret',
      async () => {
        const wrong = {
          ...endpoint,
          clientId: uniqueName('wrong'),
          password: new Secret('not-the-password'),
        };
        const refusal = await connect(wrong, new AbortController().signal).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(BridgeError);
        expect(refusal).toMatchObject({ code: 'authentication-failed' });
        expect((refusal as BridgeError).message).not.toContain('not-the-password');
      },
    );

    it.runIf(capabilities.passwords)('says which broker does not answer', async () => {
      const closed = { ...endpoint, clientId: uniqueName('closed'), port: 1 };
      await expect(connect(closed, new AbortController().signal)).rejects.toMatchObject({
        code: 'connection-failed',
        message: expect.stringContaining(endpoint.broker),
      });
    });
  });
}

/** Connectors write settlements at the end of a turn; closing politely flushes what was written before. */
async function settledBy(inbox: Inbox): Promise<void> {
  await inbox.source.stop();
}

/** A message with every field that a sink needs. */
export function outbound(
  to: Address,
  body: string | Buffer,
  properties: ReadonlyMap<string, PropertyValue> = new Map(),
): OutboundMessage {
  return {
    to,
    body,
    properties,
    persistent: true,
    timestamp: Date.now(),
    id: `ID:${uniqueName('test')}`,
    qos: 1,
    retain: false,
  };
}

function addressOf(kind: AddressKind, name: string): Address {
  return { kind, name: kind === 'mqtt' ? `contract/${name}` : `contract.${name}` };
}

function specFor(address: Address): SourceSpec {
  const levels = address.name.split(LEVEL_SEPARATOR[address.kind]).map((literal) => ({ literal }));
  if (address.kind === 'mqtt')
    return { kind: 'mqtt', subscriptions: [{ pattern: { kind: 'mqtt', levels }, qos: 1 }] };
  return { kind: address.kind, pattern: { kind: address.kind, levels }, window: 1_000 };
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import type { Connection, Delivery, Sink } from '../../bridge/connectors/connector.js';
import { isReservedHeader } from '../../bridge/connectors/flavours/stomp-headers.js';
import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { decodePropertyName } from '../../bridge/message/property-name.js';
import { isSteeringProperty } from '../../bridge/message/steering.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { forever, from, message, queue } from '../contract/jms-workbench.js';
import { startBridgeOn, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { type JavaMessage, javaReceive, type Receiver } from '../support/java.js';
import { uniqueName } from '../support/names.js';

const FRAME = '\n\nhello\0\nSEND\ndestination:/queue/ID.owned\n\nowned\0';

/** Values of properties and headers, and the ways on which a message with them is a dead letter. */
const VALUES: readonly (readonly [value: string, refusedOver?: readonly string[]])[] = [
  [''],
  [' '],
  [' before and behind '],
  ['a\r\nb'],
  ['\r\n\r\n'],
  ['x\nreceipt:1\npersistent:false'],
  ['a:b'],
  ['\\'],
  ['\\n\\c\\r\\\\'],
  ['a\0b', ['Classic stomp', 'Artemis stomp']],
  [FRAME, ['Classic stomp', 'Artemis stomp']],
  ['\u001b[2J\u0001'],
  ['\ufeff\u202e\u2028'],
  ['\ufffe'],
  ['größe 😀 e\u0301'],
  ["' OR 1=1 --"],
  [`\${PATH} {body} %2E`],
  ['AMQP_BINARY:z'],
  ['ID:AMQP_UUID:zz', ['Artemis stomp']],
  ['é'.repeat(5_000)],
  ['é'.repeat(5_200), ['Classic stomp']],
  ['x'.repeat(66_000), ['Classic stomp', 'Classic amqp', 'Artemis stomp']],
];

/** Names that a rule cannot say, but a message can bring along; with the ways on which nobody carries them. */
const NAMES: readonly (readonly [name: string, refusedOver?: readonly string[]])[] = [
  ['a b'],
  ['content-encoding'],
  ['a.b'],
  ['1x'],
  ['größe😀'],
  ['null'],
  ['constructor'],
  ['hasOwnProperty'],
  ['__proto__'],
  ['JMSExpiration'],
  [''],
  ['id'],
  ['message'],
  ['selector'],
  ['destination'],
  ['Content-Length'],
  ['receipt'],
  ['transaction'],
  ['a:b', ['Classic stomp']],
  ['a\r\nb', ['Classic stomp']],
  ['a\\b', ['Classic stomp']],
  ['a\0b', ['Classic stomp', 'Artemis stomp']],
  [FRAME, ['Classic stomp', 'Artemis stomp']],
  ['\ud800', ['Classic stomp', 'Classic amqp', 'Artemis stomp', 'Artemis amqp']],
  ['x'.repeat(10_300), ['Classic stomp']],
  ['x'.repeat(66_000), ['Classic stomp', 'Classic amqp']],
];

/**
 * What Classic makes of the value of a property, whoever sends it: Java to Java as well (6.1.8 writes Java's modified UTF-8 and
 * reads UTF-8). Headers and bodies are not concerned.
 */
const garbled = (value: string) => value.replace(/[\0\u{10000}-\u{10ffff}]/gu, '\ufffd\ufffd');

const WAYS = [
  { product: 'Classic', start: startClassic, via: 'amqp', connectTo: connectAmqp, java: 'openwire' },
  { product: 'Classic', start: startClassic, via: 'stomp', connectTo: connectStomp, java: 'openwire' },
  { product: 'Artemis', start: startArtemis, via: 'amqp', connectTo: connectAmqp, java: 'qpid' },
  { product: 'Artemis', start: startArtemis, via: 'stomp', connectTo: connectStomp, java: 'qpid' },
] as const;

describe.each(WAYS)('on $product over $via', ({ product, start, via, connectTo, java }) => {
  const way = `${product} ${via}`;
  const isRefused = ([, refusedOver]: (typeof VALUES)[number]) => refusedOver?.includes(way) === true;
  const kept = VALUES.filter((one) => !isRefused(one)).map(([value]) => value);
  const refused = VALUES.filter(isRefused).map(([value]) => value);
  const asked = (value: string, n: number) => JSON.stringify({ value, n });

  let broker: TestBroker;
  let bridge: TestBridge;
  let connection: Connection;
  let amqp: Sink;
  let receiver: Receiver<JavaMessage>;

  const mapping = () => `
version: 1
brokers:
  jms:
    type: ${broker.type}
    amqp: amqp://127.0.0.1:${broker.ports.amqp}
    stomp: stomp://127.0.0.1:${broker.ports.stomp}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
routes:
  there:
    from: { queue: ID.in, via: amqp }
    to:
      queue: ID.out
      via: ${via}
      properties: { value: "{body.value}" }
      type: "{body.value}"
      correlationId: "{body.value}"
      group: "{body.value}"
    deadLetter: ID.dead
  nowhere:
    from: { queue: ID.lost, via: amqp }
    to: { queue: "nowhere.{body.missing}", via: ${via} }
    deadLetter: ID.dead-names
`;

  beforeAll(async () => {
    broker = await start();
    connection = await connectAmqp(
      { ...endpointOf(broker, 'amqp'), clientId: uniqueName('test') },
      forever(),
    );
    amqp = await connection.sink({ window: 500, sendTimeout: 20_000 });
    bridge = await startBridgeOn(mapping(), broker);
    const scheme = java === 'qpid' ? 'amqp' : 'tcp';
    const port = java === 'qpid' ? broker.ports.amqp : broker.ports.openwire;
    receiver = await javaReceive({
      client: java,
      url: `${scheme}://127.0.0.1:${port}`,
      account: broker.accounts.bridge,
      queue: 'ID.out',
      count: kept.length,
      timeoutMs: 60_000,
    });
    await receiver.ready;
  });
  afterAll(async () => {
    await receiver?.stop();
    await connection?.close();
    await bridge?.end();
    await broker?.stop();
  });

  const take = async (name: string, count: number): Promise<Delivery[]> => {
    const deliveries: Delivery[] = [];
    const source = await connection.source(from(queue(name)), (delivery) => {
      deliveries.push(delivery);
      delivery.settle('accepted');
    });
    source.grant(1_000);
    await eventually(() => deliveries.length >= count);
    await source.stop();
    return deliveries;
  };

  it('a value comes to Java as it was, or the message is a dead letter, and no connection is lost', async () => {
    const all = VALUES.map(([value], n) => asked(value, n));
    await Promise.all(all.map((body) => amqp.send(message(queue('ID.in'), body))));
    const messages = await receiver.messages;
    const seen = messages.map(({ properties, JMSType, JMSCorrelationID, JMSXGroupID }) => ({
      property: properties.value?.value,
      // JMS knows no empty type or group.
      type: JMSType ?? '',
      // How an AMQP string is told from other types of id (AMQP JMS mapping 1.0, 3.2.1.1).
      correlationId: JMSCorrelationID?.replace(/^(?:ID:)?AMQP_STRING:/, '') ?? '',
      group: JMSXGroupID ?? '',
    }));
    const byText = (a: { property: unknown }, b: { property: unknown }) =>
      JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
    const expected = kept.map((value) => ({
      property: product === 'Classic' ? garbled(value) : value,
      type: value,
      correlationId: value,
      group: value,
    }));
    expect(seen.toSorted(byText)).toEqual(expected.toSorted(byText));

    const letters = await take('ID.dead', refused.length);
    const bodies = letters.map(({ message: { body } }) => JSON.parse(String(body)) as { value: string });
    expect(bodies.map(({ value }) => value).toSorted()).toEqual(refused.toSorted());
    for (const { message: letter } of letters)
      expect(letter.properties.get('bridge_reason')).toBe('message-refused');
    // The broker's answer to the bridge may be later than the last message to its reader.
    await eventually(() => bridge.status().routes[0]?.inFlight === 0);
    const [there] = bridge.status().routes;
    expect(there).toMatchObject({ delivered: kept.length, deadLettered: refused.length, retried: 0 });
  });

  it('a name is seen as it was, left out for what it is, or refused, and the rest goes on', async () => {
    const own = await connectTo({ ...endpointOf(broker, via), clientId: uniqueName('names') }, forever());
    const sink = await own.sink({ window: 500, sendTimeout: 20_000 });
    for (const [name, refusedOver] of NAMES) {
      const to = queue(uniqueName('ID.name'));
      const properties = new Map([
        [name, 'v'],
        ['other', 'w'],
      ]);
      const sent = sink.send(message(to, 'x', { properties }));
      if (refusedOver?.includes(way) === true) {
        await expect(sent).rejects.toMatchObject({ code: 'message-refused', transient: false });
        continue;
      }
      await sent;
      const [delivery] = await take(to.name, 1);
      const isLeftOut =
        name === '' || isSteeringProperty(name) || (via === 'stomp' && isReservedHeader(name));
      // Artemis shows headers of a SEND as properties.
      if (!isLeftOut) expect(delivery?.message.properties.get(name)).toBe('v');
      else expect(delivery?.message.properties.get(name)).not.toBe('v');
      expect(delivery?.message.properties.get('other')).toBe('w');
    }
    await own.close();
  });

  it('a lone surrogate in a value comes as U+FFFD, as everywhere in UTF-8', async () => {
    const own = await connectTo({ ...endpointOf(broker, via), clientId: uniqueName('names') }, forever());
    const sink = await own.sink({ window: 500, sendTimeout: 20_000 });
    const to = queue(uniqueName('ID.name'));
    await sink.send(message(to, 'x', { properties: new Map([['p', 'a\ud800b']]), type: '\udc00' }));
    const [delivery] = await take(to.name, 1);
    expect(delivery?.message.properties.get('p')).toBe('a\ufffdb');
    expect(delivery?.message.type).toBe('\ufffd');
    await own.close();
  });

  it('a dead letter keeps the properties of its message under names that JMS takes', async () => {
    const names = NAMES.map(([name]) => name).filter(
      (name) => name.length < 200 && !/\p{Cs}/u.test(name) && name !== '' && !isSteeringProperty(name),
    );
    const properties = new Map(names.map((name) => [name, `v ${name}`]));
    await amqp.send(message(queue('ID.lost'), '{}', { properties }));
    const [letter] = await take('ID.dead-names', 1);
    expect(letter?.message.properties.get('bridge_reason')).toBe('mapping-failed');
    const brought = new Map(
      [...(letter?.message.properties ?? [])].map(([name, value]) => [decodePropertyName(name), value]),
    );
    for (const [name, value] of properties)
      if (!isReservedHeader(name)) expect(brought.get(name)).toBe(value.replaceAll('\0', '\ufffd'));
  });

  it('no text of a message has made a destination of its own', async () => {
    await amqp.send(message(queue('ID.owned'), 'mine'));
    const [delivery] = await take('ID.owned', 1);
    expect(delivery?.message.body).toBe('mine');
  });
});

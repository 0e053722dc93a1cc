import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBridgeOn, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, type TestBroker } from '../support/brokers.js';
import { joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import { oneBroker } from '../support/mapping.js';

describe.each([
  { type: 'activemq', start: startClassic },
  { type: 'artemis', start: startArtemis },
] as const)('health on $type, where the account may read and write only below test', ({ type, start }) => {
  let broker: TestBroker;
  let bridge: TestBridge;
  beforeAll(async () => {
    broker = await start({ writable: 'test', readable: 'test' });
    bridge = await startBridgeOn(
      `${oneBroker(type, { lanes: 1 })}
routes:
  read-mqtt: { from: { mqtt: "secret/{x}", via: mqtt }, to: { queue: test.x }, deadLetter: test.dead }
  read-amqp: { from: { queue: secret.one, via: amqp }, to: { queue: test.x }, deadLetter: test.dead }
  read-stomp: { from: { queue: secret.two, via: stomp }, to: { queue: test.x }, deadLetter: test.dead }
  write-amqp: { from: { mqtt: test/a }, to: { queue: secret.out, via: amqp }, deadLetter: test.dead }
  write-stomp: { from: { mqtt: test/b }, to: { queue: secret.out, via: stomp }, deadLetter: test.dead }
  write-mqtt: { from: { mqtt: test/c }, to: { mqtt: secret/out, via: mqtt }, deadLetter: test.dead }
  no-dead: { from: { mqtt: test/d }, to: { queue: secret.out, via: amqp }, deadLetter: secret.dead }
`,
      broker,
      { untilReady: false },
    );
  });
  afterAll(async () => {
    await bridge?.end();
    await broker?.stop();
  });

  const route = (name: string) => bridge.status().routes.find((one) => one.name === name);
  const whenReading = (name: string) => eventually(() => route(name)?.state === 'running');
  async function publish(topic: string): Promise<void> {
    const member = await joinChat(broker, 'ann');
    await member.publish(topic, 'hello');
    await member.leave();
  }

  it.each([
    [
      'read-mqtt',
      /the subscription to "secret\/\+" and gives no reason: most likely the account lacks the right/,
    ],
    [
      'read-amqp',
      /the subscription to queue "secret\.one": .*(?:not authorized to read|permission='CONSUME')/,
    ],
    [
      'read-stomp',
      /the subscription to queue "secret\.two": .*(?:not authorized to read|may lack the right)/,
    ],
  ])('says at the first refusal what may not be read: %s', async (name, message) => {
    const reason = await eventually(() => route(name)?.reason);
    expect(reason).toMatchObject({ code: 'subscription-refused', message: expect.stringMatching(message) });
  });

  it.each([
    ['write-amqp', 'test/a', /not authorized to write|permission='SEND'/],
    ['write-stomp', 'test/b', /not authorized to write|may lack the right/],
  ])('says at the first refusal what may not be written: %s', async (name, topic, message) => {
    await whenReading(name);
    await publish(topic);
    const last = await eventually(() => route(name)?.lastDeadLetter);
    expect(last).toMatchObject({
      code: expect.stringMatching(/^(?:destination|message)-refused$/),
      message: expect.stringMatching(message),
    });
  });

  it('says that a dead letter may not be written', async () => {
    await whenReading('no-dead');
    await publish('test/d');
    const reason = await eventually(() => route('no-dead')?.reason);
    expect(reason).toMatchObject({
      code: 'destination-refused',
      message: expect.stringContaining('secret.dead'),
    });
    expect(route('no-dead')?.inFlight).toBe(1);
  });

  it('says that a broker says nothing over MQTT, or keeps the message', async () => {
    await whenReading('write-mqtt');
    const lane = bridge
      .status()
      .connections.find(({ name }) => name.startsWith('write-mqtt to mq over mqtt'));
    if (type === 'activemq') expect(lane?.notes).toEqual([expect.stringContaining('via: stomp')]);
    else {
      await publish('test/c');
      const last = await eventually(() => route('write-mqtt')?.lastDeadLetter, 60_000);
      expect(last).toMatchObject({
        code: 'message-refused',
        message: expect.stringContaining('over this message'),
      });
    }
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { brokerEnvironment, startBridge, startBridgeOn, type TestBridge } from '../support/bridge.js';
import { startArtemis, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { type JavaClient, javaRequest, javaServe } from '../support/java.js';
import { oneBroker } from '../support/mapping.js';
import { uniqueName } from '../support/names.js';

const SIDES = [
  { type: 'activemq', start: startClassic, via: 'stomp' },
  { type: 'activemq', start: startClassic, via: 'amqp' },
  { type: 'artemis', start: startArtemis, via: 'amqp' },
  { type: 'artemis', start: startArtemis, via: 'stomp' },
] as const;

describe.each(SIDES)('request and reply through $type, written via $via', ({ type, start, via }) => {
  let broker: TestBroker;
  let bridge: TestBridge | undefined;
  const clients: MqttClient[] = [];

  beforeAll(async () => {
    broker = await start();
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    await bridge?.end();
    bridge = undefined;
  });
  afterAll(() => broker?.stop());

  const jms = (client: JavaClient, queue: string) => ({
    client,
    queue,
    url:
      client === 'openwire'
        ? `tcp://${broker.host}:${broker.ports.openwire}`
        : `amqp://${broker.host}:${broker.ports.amqp}`,
    account: broker.accounts.bob,
  });

  async function member(): Promise<MqttClient> {
    const { host, ports, accounts } = broker;
    const client = await mqtt.connectAsync({ host, port: ports.mqtt, ...accounts.ann, reconnectPeriod: 0 });
    clients.push(client);
    return client;
  }

  async function startOn(routes: string): Promise<void> {
    bridge = await startBridgeOn(
      `${oneBroker(type, { clientId: uniqueName('bridge') })}
routes:
${routes}`,
      broker,
    );
  }

  it.each(['openwire', 'qpid'] as const)(
    'an MQTT client asks, a Java service (%s) answers',
    async (client) => {
      const id = uniqueName('ask');
      await startOn(`
  ask:
    from: { mqtt: "${id}/requests" }
    to: { queue: ${id}.asked, via: ${via}, body: "{body.text}" }
    reply:
      from: { queue: ${id}.answers }
      replyTo: "{body.replyTo}"
      correlationId: "{body.id}"
      to: { mqtt: "${id}/clients/{client}", body: '{ {"id": request.correlationId, "text": body} }' }
`);
      const service = await javaServe(jms(client, `${id}.asked`));
      await service.ready;
      const asker = await member();
      await asker.subscribeAsync(`${id}/clients/c1`, { qos: 1 });
      const answered = new Promise<string>((resolve) => {
        asker.on('message', (_topic, payload) => resolve(String(payload)));
      });
      const question = { id: 'q-1', text: 'what time is it?', replyTo: `${id}/clients/c1` };
      await asker.publishAsync(`${id}/requests`, JSON.stringify(question), { qos: 1 });
      expect(JSON.parse(await answered)).toEqual({ id: 'q-1', text: 're: what time is it?' });
      const [request] = await service.messages;
      expect(request).toMatchObject({
        class: 'TextMessage',
        text: 'what time is it?',
        JMSCorrelationID: expect.stringMatching(/^[0-9a-f]{32}$/),
        JMSReplyTo: expect.stringContaining(`${id}.answers`),
      });
    },
  );

  it.each([
    ['openwire', 'a temporary queue'],
    ['openwire', 'a queue'],
    ['qpid', 'a temporary queue'],
    ['qpid', 'a queue'],
  ] as const)('a Java program (%s) asks a device for an answer on %s', async (client, where) => {
    const id = uniqueName('command');
    await startOn(`
  command:
    from: { queue: ${id}.commands }
    to: { mqtt: "${id}/devices/{properties.device}/commands/{reply.id}" }
    reply:
      from: { mqtt: "${id}/devices/{device}/answers/{id}" }
      id: "{id}"
      to:
        - { temporary: queue, via: ${via}, properties: { device: "{device}" } }
        - { queue: "${id}.answers.{who}", via: ${via}, properties: { device: "{device}" } }
`);
    const device = await member();
    await device.subscribeAsync(`${id}/devices/d1/commands/+`, { qos: 1 });
    device.on('message', (topic, payload) => {
      const request = topic.split('/').at(-1);
      device.publish(`${id}/devices/d1/answers/${request}`, `done: ${String(payload)}`, { qos: 1 });
    });
    const answer = await javaRequest({
      ...jms(client, `${id}.commands`),
      body: { text: 'open' },
      properties: { device: ['string', 'd1'] },
      correlationId: 'cmd-7',
      ...(where === 'a queue' ? { replyTo: { queue: `${id}.answers.me` } } : {}),
    });
    expect(answer).toMatchObject({
      class: 'TextMessage',
      text: 'done: open',
      JMSCorrelationID: 'cmd-7',
      properties: { device: { value: 'd1' } },
    });
  });
});

describe('request and reply in MQTT 5, Mosquitto in front of ActiveMQ Classic', () => {
  let front: TestBroker;
  let classic: TestBroker;
  let folder = '';
  let bridge: TestBridge | undefined;
  const clients: MqttClient[] = [];

  beforeAll(async () => {
    [front, classic] = await Promise.all([startMosquitto(), startClassic()]);
    folder = await mkdtemp(join(tmpdir(), 'request-reply-'));
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    await bridge?.end();
    bridge = undefined;
  });
  afterAll(async () => {
    await Promise.all([front?.stop(), classic?.stop()]);
    await rm(folder, { recursive: true });
  });

  async function start(routes: string): Promise<void> {
    const file = join(folder, `${uniqueName('mapping')}.yaml`);
    await writeFile(
      file,
      `version: 1
brokers:
  front:
    type: mqtt
    mqttVersion: 5
    mqtt: mqtt://127.0.0.1:\${FRONT_MQTT_PORT}
    username: \${FRONT_USERNAME}
    password: \${FRONT_PASSWORD}
    clientId: ${uniqueName('bridge')}
  activemq:
    type: activemq
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
routes:
${routes}`,
    );
    bridge = await startBridge(file, { ...brokerEnvironment(front, 'FRONT'), ...brokerEnvironment(classic) });
  }

  async function member(): Promise<MqttClient> {
    const client = await mqtt.connectAsync({
      host: front.host,
      port: front.ports.mqtt,
      ...front.accounts.ann,
      protocolVersion: 5,
      reconnectPeriod: 0,
    });
    clients.push(client);
    return client;
  }

  const jms = (queue: string) => ({
    client: 'openwire' as const,
    queue,
    url: `tcp://${classic.host}:${classic.ports.openwire}`,
    account: classic.accounts.bob,
  });

  it('a client asks with a Response Topic and Correlation Data, a Java service answers', async () => {
    const id = uniqueName('ask');
    await start(`
  ask:
    from: { broker: front, mqtt: "${id}/requests" }
    to: { broker: activemq, queue: ${id}.asked, copyProperties: true }
    reply:
      from: { broker: activemq, queue: ${id}.answers }
      to: { mqtt: "${id}/clients/{client}" }
`);
    const service = await javaServe(jms(`${id}.asked`));
    await service.ready;
    const asker = await member();
    await asker.subscribeAsync(`${id}/clients/c1`, { qos: 1 });
    const answered = new Promise<IPublishPacket>((resolve) => {
      asker.on('message', (_topic, _payload, packet) => resolve(packet));
    });
    const correlationData = Buffer.from([0, 0xff, 1]);
    await asker.publishAsync(`${id}/requests`, 'what time is it?', {
      qos: 1,
      properties: {
        responseTopic: `${id}/clients/c1`,
        correlationData,
        userProperties: { 'trace-id': 'abc', 'a.b': 'c' },
      },
    });
    const answer = await answered;
    expect(String(answer.payload)).toBe('re: what time is it?');
    expect(answer.properties?.correlationData).toEqual(correlationData);
    const [request] = await service.messages;
    expect(request?.properties).toMatchObject({
      trace_HYPHEN_id: { value: 'abc' },
      a_DOT_b: { value: 'c' },
    });
  });

  it('a Java program asks a device that answers to the Response Topic it is given', async () => {
    const id = uniqueName('command');
    await start(`
  command:
    from: { broker: activemq, queue: ${id}.commands }
    to:
      broker: front
      mqtt: "${id}/devices/{properties.device}/commands"
      replyTo: { mqtt: "${id}/devices/{properties.device}/answers" }
    reply:
      from: { broker: front, mqtt: "${id}/devices/{device}/answers" }
      to: { temporary: queue, properties: { device: "{device}" } }
`);
    const device = await member();
    await device.subscribeAsync(`${id}/devices/d1/commands`, { qos: 1 });
    device.on('message', (_topic, payload, { properties }) => {
      const { responseTopic = '', correlationData } = properties ?? {};
      const correlation = correlationData === undefined ? {} : { correlationData };
      device.publish(responseTopic, `done: ${String(payload)}`, { qos: 1, properties: correlation });
    });
    const answer = await javaRequest({
      ...jms(`${id}.commands`),
      body: { text: 'open' },
      properties: { device: ['string', 'd1'] },
    });
    expect(answer).toMatchObject({ text: 'done: open', properties: { device: { value: 'd1' } } });
    // Without one of its own, a request is known by its message id (JMS).
    expect(answer.JMSCorrelationID).toMatch(/^ID:/);
  });
});

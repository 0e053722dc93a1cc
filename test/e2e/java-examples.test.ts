import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { brokerEnvironment, CHAT_MAPPING, startBridge, type TestBridge } from '../support/bridge.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { type ChatMember, chatMessage, joinChat } from '../support/chat-member.js';
import { type Child, startChild } from '../support/child.js';
import { mavenPackage } from '../support/maven.js';
import { uniqueName } from '../support/names.js';

const PAHO = fileURLToPath(new URL('../../examples/java-paho', import.meta.url));
const JMS = fileURLToPath(new URL('../../examples/java-jms', import.meta.url));

describe('the Java examples', () => {
  let broker: TestBroker;
  let bridge: TestBridge;
  let bob: ChatMember;

  beforeAll(async () => {
    broker = await startClassic({ permissions: 'shipped' });
    bridge = await startBridge(CHAT_MAPPING, brokerEnvironment(broker));
    bob = await joinChat(broker, 'bob');
    await mavenPackage(PAHO, 'java-paho-chat.jar');
    await mavenPackage(JMS, 'java-jms.jar');
  });

  afterAll(async () => {
    await bob?.leave();
    await bridge?.end();
    await broker?.stop();
  });

  function pahoChat(room: string, password = broker.accounts.ann.password): Child {
    const { host, ports, accounts } = broker;
    const url = `tcp://${host}:${ports.mqtt}`;
    return startChild('java', ['-jar', 'target/java-paho-chat.jar', accounts.ann.username, room, url], {
      cwd: PAHO,
      env: { CHAT_PASSWORD: password },
    });
  }

  function jms(program: 'ReadArchive' | 'Announce', ...args: string[]): Child {
    const { username, password } = broker.accounts.backend;
    return startChild('java', ['-cp', 'target/java-jms.jar', `jms.${program}`, ...args], {
      cwd: JMS,
      env: {
        BROKER_URL: `tcp://${broker.host}:${broker.ports.openwire}`,
        JMS_ACCOUNT: username,
        JMS_PASSWORD: password,
      },
    });
  }

  test('java-paho says what is typed, shows what others say, and leaves at the end of its input', async () => {
    const room = uniqueName('room');
    const topic = `chat/${room}/messages`;
    const heard = await bob.listen(topic);
    const ann = pahoChat(room);
    await ann.line('In room');

    ann.process.stdin?.write('grüß "Gott"\n');
    expect(JSON.parse((await heard.first).toString())).toEqual({
      type: 'text',
      id: expect.stringMatching(/./),
      from: broker.accounts.ann.username,
      text: 'grüß "Gott"',
      sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    await bob.publish(topic, chatMessage('bob', 'good morning'));
    expect(await ann.line('good morning')).toBe('bob: good morning');

    ann.process.stdin?.end();
    expect(await ann.ended).toMatchObject({ code: 0, stdout: 'bob: good morning\n' });
  });

  test('java-paho is given what was said while it was away', async () => {
    const room = uniqueName('room');
    const before = pahoChat(room);
    await before.line('In room');
    before.process.stdin?.end();
    await before.ended;

    await bob.publish(`chat/${room}/messages`, chatMessage('bob', 'you missed this'));
    const again = pahoChat(room);

    expect(await again.line('you missed this')).toBe('bob: you missed this');
    again.process.stdin?.end();
    expect(await again.ended).toMatchObject({ code: 0 });
  });

  test('java-paho with a wrong password says so and fails', async () => {
    const { code, stderr } = await pahoChat(uniqueName('room'), 'wrong').ended;

    expect(code).toBe(1);
    expect(stderr).toContain('does not let ann in: wrong account or password');
  });

  test('ReadArchive prints a chat message with its properties', async () => {
    const room = uniqueName('room');
    const message = chatMessage('bob', 'for the records');
    const reader = jms('ReadArchive');
    await bob.publish(`chat/${room}/messages`, message);

    expect(await reader.line(room)).toContain(`room=${room} sender=bob ${message}`);
    await reader.stop();
  });

  test('Announce is heard in the room', async () => {
    const room = uniqueName('room');
    const heard = await bob.listen(`chat/${room}/messages`);

    const { code, stderr } = await jms('Announce', room, 'the "kitchen" is open').ended;

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse((await heard.first).toString())).toMatchObject({
      type: 'text',
      from: broker.accounts.backend.username,
      text: 'the "kitchen" is open',
    });
  });
});

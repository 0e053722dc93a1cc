import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { brokerEnvironment, CHAT_MAPPING, startBridge, type TestBridge } from '../support/bridge.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { type ChatMember, chatMessage, joinChat } from '../support/chat-member.js';
import { type Child, startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { mavenPackage } from '../support/maven.js';
import { uniqueName } from '../support/names.js';

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const PAHO = example('java-paho');
const JMS = example('java-jms');
const SPRING = example('spring');
const NODE = example('node');

/** One line of a file that BackEnd keeps. */
interface Archived {
  readonly at: string;
  readonly room: string;
  readonly sender: string;
  readonly message?: string;
  readonly base64?: string;
}

describe('the examples, on the broker and the mapping file that ship', () => {
  let folder: string;
  let broker: TestBroker;
  let bridge: TestBridge;
  let bob: ChatMember;

  beforeAll(async () => {
    broker = await startClassic({ permissions: 'shipped' });
    bridge = await startBridge(CHAT_MAPPING, brokerEnvironment(broker));
    bob = await joinChat(broker, 'bob');
    folder = await mkdtemp(join(tmpdir(), 'bridge-examples-'));
    await mavenPackage(PAHO, 'java-paho-chat.jar');
    await mavenPackage(SPRING, 'spring-rooms.jar');
    await mavenPackage(JMS, 'java-jms.jar');
  });

  afterAll(async () => {
    await bob?.leave();
    await bridge?.end();
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const running: Child[] = [];
  afterEach(() => Promise.all(running.splice(0).map((child) => child.stop())));

  /** Ends with the test. */
  function start(...[command, args, options]: Parameters<typeof startChild>): Child {
    const child = startChild(command, args, options);
    running.push(child);
    return child;
  }

  function pahoChat(room: string, password = broker.accounts.ann.password): Child {
    const { host, ports, accounts } = broker;
    const url = `tcp://${host}:${ports.mqtt}`;
    return start('java', ['-jar', 'target/java-paho-chat.jar', accounts.ann.username, room, url], {
      cwd: PAHO,
      env: { CHAT_PASSWORD: password },
    });
  }

  function nodeChat(room: string, password = broker.accounts.ann.password): Child {
    const { host, ports, accounts } = broker;
    const args = ['chat.mjs', accounts.ann.username, room, `mqtt://${host}:${ports.mqtt}`];
    return start(process.execPath, args, { cwd: NODE, env: { CHAT_PASSWORD: password } });
  }

  const openWire = () => `tcp://${broker.host}:${broker.ports.openwire}`;

  function javaEnvironment(password = broker.accounts.backend.password): Record<string, string> {
    return {
      BROKER_URL: openWire(),
      JMS_ACCOUNT: broker.accounts.backend.username,
      JMS_PASSWORD: password,
    };
  }

  function jms(program: 'ReadArchive' | 'Announce', ...args: string[]): Child {
    return start('java', ['-cp', 'target/java-jms.jar', `jms.${program}`, ...args], {
      cwd: JMS,
      env: javaEnvironment(),
    });
  }

  const archive = () => join(folder, 'archive.jsonl');

  async function backEnd({ room, file = archive() }: { room?: string; file?: string } = {}): Promise<Child> {
    const env = {
      ...javaEnvironment(),
      BROKER_URL: `failover:(${openWire()})?startupMaxReconnectAttempts=0&maxReconnectDelay=2000`,
      ARCHIVE_FILE: file,
    };
    const child = start('java', ['-jar', 'target/java-jms.jar', ...(room === undefined ? [] : [room])], {
      cwd: JMS,
      env,
    });
    await child.line('answering /time');
    return child;
  }

  async function archived(room: string): Promise<Archived[]> {
    const lines = (await readFile(archive(), 'utf8')).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Archived).filter((one) => one.room === room);
  }

  async function spring(onLine: (line: string) => void = () => {}): Promise<Child> {
    const options = { cwd: SPRING, env: javaEnvironment(), onLine };
    const child = start('java', ['-jar', 'target/spring-rooms.jar'], options);
    await child.line('Listening to all rooms');
    return child;
  }

  const isFrom = (account: string) => (payload: Buffer) =>
    (JSON.parse(payload.toString()) as { from: string }).from === account;

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

  test('the JMS back end shows rooms, archives them, announces, and answers /time in the room that asked', async () => {
    const [room, other] = [uniqueName('room'), uniqueName('room')];
    const topic = `chat/${room}/messages`;
    const program = await backEnd();
    const hello = chatMessage('bob', 'is anybody there?');
    await bob.publish(topic, hello);
    expect(await program.line('anybody')).toBe(`[${room}] bob: is anybody there?`);

    const elsewhere = await bob.listenAll(`chat/${other}/messages`, () => {});
    const answer = await bob.listen(topic, isFrom('backend'));
    await bob.publish(topic, chatMessage('bob', '/time'));
    expect(JSON.parse((await answer.first).toString())).toEqual({
      type: 'text',
      id: expect.stringMatching(/./),
      from: 'backend',
      text: expect.stringMatching(/^It is \d\d:\d\d:\d\d \S+$/),
      sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    expect(elsewhere()).toBe(0);

    const announced = await bob.listen(topic, (payload) => payload.toString().includes('kitchen'));
    program.process.stdin?.write(`${room} the "kitchen" is open\n`);
    expect(JSON.parse((await announced.first).toString())).toMatchObject({
      type: 'text',
      from: 'backend',
      text: 'the "kitchen" is open',
    });

    await eventually(async () => (await archived(room)).length === 4);
    const kept = await archived(room);
    expect(kept.map(({ sender }) => sender)).toEqual(['bob', 'bob', 'backend', 'backend']);
    expect(kept[0]).toMatchObject({ room, message: hello, at: expect.stringMatching(/Z$/) });
    // Its own lines are not shown: the selector of its subscription.
    await bob.publish(topic, chatMessage('bob', 'thanks'));
    await program.line('thanks');
    program.process.kill();
    expect((await program.ended).stdout).toBe(
      ['is anybody there?', '/time', 'thanks'].map((text) => `[${room}] bob: ${text}\n`).join(''),
    );
  });

  test('the JMS back end gets what was said while it was away, also while the broker was', async () => {
    const room = uniqueName('room');
    const say = async (text: string) => {
      const member = await joinChat(broker, 'ann');
      await member.publish(`chat/${room}/messages`, chatMessage('ann', text));
      await member.leave();
    };
    const before = await backEnd({ room });
    await say('hello');
    await before.line('hello');
    await before.stop();

    await say('you missed this');
    const again = await backEnd({ room });
    expect(await again.line('missed')).toBe(`[${room}] ann: you missed this`);

    await bob.leave();
    await broker.restart();
    bob = await joinChat(broker, 'bob');
    await say('after the restart');
    expect(await again.line('after')).toBe(`[${room}] ann: after the restart`);
    await eventually(async () => (await archived(room)).length === 3);
  });

  test('the JMS back end leaves with the broker what the disk does not take', async () => {
    const room = uniqueName('room');
    const topic = `chat/${room}/messages`;
    // Every write to it fails for want of room.
    const full = await backEnd({ file: '/dev/full' });
    const said = chatMessage('bob', 'remember this');
    await bob.publish(topic, said);
    await bob.publish(topic, Buffer.from([0xff, 0xfe]));
    expect(await full.line('Not archived')).toBe(
      'Not archived yet, the broker keeps it: No space left on device',
    );
    await full.stop();

    await backEnd();
    await eventually(async () => (await archived(room)).length === 2);
    expect(await archived(room)).toMatchObject([{ message: said }, { base64: '//4=' }]);
  });

  test('a second back end of the same name, and one with a wrong password, say what is wrong and fail', async () => {
    await backEnd();
    const second = start('java', ['-jar', 'target/java-jms.jar'], { cwd: JMS, env: javaEnvironment() });
    expect(await second.ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^The back end cannot work with tcp:.*chat-back-end already connected/),
    });
    const wrong = start('java', ['-jar', 'target/java-jms.jar'], { cwd: JMS, env: javaEnvironment('wrong') });
    expect(await wrong.ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^The back end cannot work with tcp:.*invalid/),
    });
  });

  test('a member in a terminal of Node says and hears, is given what it missed, and leaves', async () => {
    const room = uniqueName('room');
    const topic = `chat/${room}/messages`;
    const heard = await bob.listen(topic);
    const ann = nodeChat(room);
    await ann.line('In room');
    ann.process.stdin?.write('grüß "Gott"\n');
    expect(JSON.parse((await heard.first).toString())).toEqual({
      type: 'text',
      id: expect.stringMatching(/./),
      from: 'ann',
      text: 'grüß "Gott"',
      sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    await bob.publish(topic, '{no chat message}');
    await ann.line('not a chat message');
    await bob.publish(topic, chatMessage('bob', 'good\u001b[2J morning'));
    await ann.line('morning');
    ann.process.stdin?.end('bye\n');
    expect(await ann.ended).toMatchObject({ code: 0, stdout: 'bob: good\uFFFD[2J morning\n' });

    await bob.publish(topic, chatMessage('bob', 'you missed this'));
    const again = nodeChat(room);
    expect(await again.line('you missed this')).toBe('bob: you missed this');
    again.process.stdin?.end();
    expect(await again.ended).toMatchObject({ code: 0 });

    const wrong = await nodeChat(room, 'wrong').ended;
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/^No login at mqtt:.* as ann: Connection refused: Not authorized/);
  });

  test('a Spring listener prints who said what, also what was said while it was away', async () => {
    const room = uniqueName('room');
    const topic = `chat/${room}/messages`;
    const lines: string[] = [];
    const before = await spring((line) => lines.push(line));
    // Its durable subscription is made while it starts; from then on nothing is missed.
    await eventually(async () => {
      await bob.publish(topic, chatMessage('bob', 'hello'));
      return lines.includes(`[${room}] bob: hello`);
    });
    await before.stop();

    await bob.publish(topic, chatMessage('bob', 'for Spring'));
    const again = await spring();
    expect(await again.line('for Spring')).toBe(`[${room}] bob: for Spring`);
    await bob.publish(topic, Buffer.from([0xff, 0xfe]));
    expect(await again.line('(bytes)')).toBe(`[${room}] null: (bytes)`);
    await again.stop();

    const env = javaEnvironment('wrong');
    const wrong = await start('java', ['-jar', 'target/spring-rooms.jar'], { cwd: SPRING, env }).ended;
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^No login at tcp:/) });
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { startBrowser } from '../support/browser.js';
import { chatMessage } from '../support/chat-member.js';
import { type Child, startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { javaReceive, javaSend } from '../support/java.js';
import { mavenPackage } from '../support/maven.js';
import { uniqueName } from '../support/names.js';
import { CommandLine } from '../support/up.js';

/** Mosquitto in front, the ActiveMQ that ships behind it with its rights, and the command line in between. */

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const JMS = at('examples/java-jms');
const PAHO = at('examples/java-paho');

let front: TestBroker;
let classic: TestBroker;
let browser: Browser;
let bridge: CommandLine;
let folder = '';
let page = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-mosquitto-'));
  [front, classic, browser] = await Promise.all([
    startMosquitto(),
    startClassic({ permissions: 'shipped' }),
    startBrowser(),
    mavenPackage(JMS, 'java-jms.jar'),
    mavenPackage(PAHO, 'java-paho-chat.jar'),
  ]);
  const port = await freePort();
  page = `http://127.0.0.1:${port}/`;
  bridge = new CommandLine(['--log-format', 'json', 'run', at('mappings/mosquitto-to-activemq.yaml')], {
    ...brokerEnvironment(front, 'FRONT'),
    ...brokerEnvironment(classic),
    HTTP_PORT: String(port),
  });
  await bridge.says(/bridge\.started/);
  await eventually(async () => (await fetch(`${page}health/ready`)).ok);
});
afterAll(async () => {
  await bridge?.interrupt();
  await browser?.close();
  await Promise.all([front?.stop(), classic?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const running: Child[] = [];
afterEach(() => Promise.all(running.splice(0).map((child) => child.stop())));

function start(...[command, args, options]: Parameters<typeof startChild>): Child {
  const child = startChild(command, args, options);
  running.push(child);
  return child;
}

type Member = 'ann' | 'bob';
type MosquittoClient = 'mosquitto_pub' | 'mosquitto_sub';

/** Mosquitto's own clients. The password stands on their command line as in everybody's terminal: it is the test's. */
function mosquitto(program: MosquittoClient, who: Member, ...args: string[]): Child {
  const { username, password } = front.accounts[who];
  const login = ['-h', front.host, '-p', String(front.ports.mqtt), '-u', username, '-P', password];
  return start(program, [...login, '-q', '1', ...args]);
}

async function publish(who: Member, topic: string, lines: readonly string[]): Promise<void> {
  const child = mosquitto('mosquitto_pub', who, '-t', topic, '-l');
  child.process.stdin?.end(lines.map((line) => `${line}\n`).join(''));
  expect(await child.ended).toMatchObject({ code: 0, stderr: '' });
}

/** From when this resolves the broker keeps what comes; `take` reads that and more, so many messages. */
async function subscribe(who: Member, topic: string): Promise<{ take(count: number): Promise<string[]> }> {
  const session = ['-i', uniqueName('sub'), '-c', '-t', topic];
  expect(await mosquitto('mosquitto_sub', who, ...session, '-E').ended).toMatchObject({ code: 0 });
  return {
    async take(count) {
      const child = mosquitto('mosquitto_sub', who, ...session, '-C', String(count));
      const { code, stdout, stderr } = await child.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout.trimEnd().split('\n');
    },
  };
}

const jms = () => ({
  client: 'openwire' as const,
  url: `tcp://${classic.host}:${classic.ports.openwire}`,
  account: classic.accounts.backend,
});

const chatIn = (room: string) => `chat/${room}/messages`;

/** How many messages each rule has brought somewhere. */
async function delivered(): Promise<Readonly<Record<string, number>>> {
  const health = (await (await fetch(`${page}health`)).json()) as {
    readonly routes: readonly { readonly name: string; readonly delivered: number }[];
  };
  return Object.fromEntries(health.routes.map((route) => [route.name, route.delivered]));
}

describe('mosquitto-to-activemq.yaml, with the clients of each side', () => {
  it('brings each line of both sides to every reader once, in order, and nothing in circles', async () => {
    const room = uniqueName('room');
    const before = await delivered();
    const listener = await subscribe('bob', chatIn(room));
    const topic = await javaReceive({
      ...jms(),
      topic: `rooms.${room}`,
      selector: `room = '${room}'`,
      count: 31,
    });
    const archive = await javaReceive({ ...jms(), queue: 'chat-archive', count: 31 });
    await Promise.all([topic.ready, archive.ready]);

    const said = Array.from({ length: 20 }, (_, n) => chatMessage('ann', `line ${n}`));
    const announced = Array.from({ length: 10 }, (_, n) => `announcement ${n}`);
    await Promise.all([
      publish('ann', chatIn(room), said),
      javaSend({
        ...jms(),
        queue: 'chat-outbox',
        body: { text: 'announcement {n}' },
        properties: { room: ['string', room] },
        count: announced.length,
      }),
    ]);
    await eventually(
      async () => ((await delivered())['room-to-jms'] ?? 0) - (before['room-to-jms'] ?? 0) >= 30,
    );
    // If anything came twice, it would come before this, and this would not be the thirty-first.
    await publish('ann', chatIn(room), ['the end']);

    const sides = [
      await listener.take(31),
      (await topic.messages).map(({ text }) => text),
      (await archive.messages).map(({ text }) => text),
    ];
    for (const lines of sides) {
      expect(lines.filter((line) => line?.startsWith('{'))).toEqual(said);
      expect(lines.filter((line) => line?.startsWith('ann'))).toEqual(announced);
      expect(lines.at(-1)).toBe('the end');
    }
    const [first] = await topic.messages;
    expect(first).toMatchObject({
      class: 'TextMessage',
      JMSXGroupID: room,
      properties: { room: { value: room } },
    });
    const counts = await eventually(async () => {
      const after = await delivered();
      const since = Object.entries(after).map(
        ([name, count]) => [name, count - (before[name] ?? 0)] as const,
      );
      return since.some(([, count]) => count >= 31) && since;
    });
    expect(Object.fromEntries(counts)).toEqual({
      'room-to-jms': 31,
      'jms-to-room': 10,
      'room-commands': 0,
      'answers-to-room': 0,
    });
  });

  it('joins the chat page, Paho, Node, mosquitto_pub and a JMS back end in one room', async () => {
    const room = uniqueName('room');
    const { username, password } = classic.accounts.backend;
    const backEnd = start('java', ['-jar', 'target/java-jms.jar', room], {
      cwd: JMS,
      env: {
        BROKER_URL: jms().url,
        JMS_ACCOUNT: username,
        JMS_PASSWORD: password,
        ARCHIVE_FILE: join(folder, 'archive.jsonl'),
      },
    });
    await backEnd.line('answering /time');
    const { ann, bob } = front.accounts;
    const node = start(
      process.execPath,
      [at('examples/node/chat.mjs'), 'bob', room, `mqtt://127.0.0.1:${front.ports.mqtt}`],
      {
        env: { CHAT_PASSWORD: bob.password },
      },
    );
    const paho = start(
      'java',
      ['-jar', 'target/java-paho-chat.jar', 'bob', room, `tcp://127.0.0.1:${front.ports.mqtt}`],
      {
        cwd: PAHO,
        env: { CHAT_PASSWORD: bob.password },
      },
    );
    await Promise.all([node.line('In room'), paho.line('In room')]);

    const context = await browser.newContext();
    context.setDefaultTimeout(30_000);
    const tab = await context.newPage();
    await tab.goto(`${page}#room=${room}`);
    await tab.getByLabel('Account').fill(ann.username);
    await tab.getByLabel('Password').fill(ann.password);
    await tab.getByRole('button', { name: 'Log in' }).click();
    await tab.locator('#connection[data-state="online"]').waitFor();
    const write = async (text: string) => {
      await tab.getByLabel('Message', { exact: true }).fill(text);
      await tab.getByLabel('Message', { exact: true }).press('Enter');
    };
    const sees = (text: string | RegExp) => tab.locator('#log .text').getByText(text).waitFor();

    await write('hello from the page');
    expect(await backEnd.line('hello')).toBe(`[${room}] ann: hello from the page`);
    expect(await node.line('hello')).toBe('ann: hello from the page');
    expect(await paho.line('hello')).toBe('ann: hello from the page');
    await publish('bob', chatIn(room), [chatMessage('bob', 'hello from mosquitto_pub')]);
    await sees('hello from mosquitto_pub');
    node.process.stdin?.write('hello from Node\n');
    await sees('hello from Node');
    paho.process.stdin?.write('hello from Paho\n');
    await sees('hello from Paho');
    backEnd.process.stdin?.write(`${room} hello from JMS\n`);
    await sees('hello from JMS');

    await write('/time');
    await sees(/^It is \d\d:\d\d:\d\d/);
    expect(await node.line('It is')).toMatch(/^backend: It is /);
    await context.close();
  });
});

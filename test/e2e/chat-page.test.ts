import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt, { type MqttClient } from 'mqtt';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../bridge/config/load.js';
import { type HttpServer, startHttp } from '../../bridge/http/server.js';
import { silentLog } from '../../bridge/observability/log.js';
import { createRoomDirectory, type RoomDirectory, roomsBroker } from '../../bridge/rooms/directory.js';
import { createRoomHistory, type RoomHistory } from '../../bridge/rooms/history.js';
import { buildPage } from '../../web/build.mjs';
import { barriers } from '../support/axe.js';
import { brokerEnvironment, CHAT_MAPPING, startBridge } from '../support/bridge.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { startBrowser } from '../support/browser.js';
import { type Child, startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { mavenPackage } from '../support/maven.js';
import { uniqueName } from '../support/names.js';
import { takePictures } from '../support/pictures.js';

const WAIT_MS = 30_000;
const PAHO_EXAMPLE = fileURLToPath(new URL('../../examples/java-paho', import.meta.url));
const PAHO_JAR = 'java-paho-chat.jar';

let broker: TestBroker;
let browser: Browser;
let server: HttpServer;
let rooms: RoomDirectory;
let history: RoomHistory;
let webRoot: string;
let base: string;

beforeAll(async () => {
  webRoot = await mkdtemp(join(tmpdir(), 'bridge-page-'));
  [broker, browser] = await Promise.all([
    startClassic({ permissions: 'shipped' }),
    startBrowser(),
    buildPage(webRoot),
    mavenPackage(PAHO_EXAMPLE, PAHO_JAR),
  ]);
  const startedAt = new Date().toISOString();
  const mapping = await loadConfig(CHAT_MAPPING, brokerEnvironment(broker));
  const place = mapping.ok ? roomsBroker(mapping.config) : undefined;
  if (place === undefined) throw new Error('chat.yaml has no broker for rooms');
  rooms = createRoomDirectory(place, silentLog);
  rooms.start();
  history = createRoomHistory(place, silentLog);
  history.start();
  server = await startHttp({
    config: { host: '127.0.0.1', port: 0, chat: `ws://127.0.0.1:${broker.ports.ws}` },
    status: () => ({ ready: true, state: 'running', startedAt, connections: [], routes: [] }),
    reload: () => Promise.reject(new Error('nobody reloads here')),
    rooms: { directory: rooms, history },
    log: silentLog,
    webRoot,
  });
  base = `http://127.0.0.1:${server.port}/`;
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await Promise.all([rooms?.stop(), history?.stop()]);
  await broker?.stop();
  await rm(webRoot, { recursive: true, force: true });
});

const contexts: BrowserContext[] = [];
const clients: MqttClient[] = [];
const programs: Child[] = [];
/** What the pages complained of: a refused script or a thrown error shows here. */
const complaints: string[] = [];

afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  expect(complaints.splice(0)).toEqual([]);
});

/** A browser of its own (its own storage) with the page open. */
async function openPage(path = ''): Promise<Page> {
  const context = await browser.newContext();
  contexts.push(context);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) complaints.push(message.text());
  });
  await page.goto(base + path);
  return page;
}

async function logIn(page: Page, account: string, password: string): Promise<void> {
  await page.getByLabel('Account').fill(account);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

async function openAs(who: 'ann' | 'bob', path = ''): Promise<Page> {
  const page = await openPage(path);
  await logIn(page, who, broker.accounts[who].password);
  await connected(page);
  return page;
}

const connected = (page: Page) => page.locator('#connection[data-state="online"]').waitFor();

/** Creates a room; the answer is its ID, as the page shows it. */
async function createRoom(page: Page, name: string): Promise<string> {
  await page.getByLabel('New room').fill(name);
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name }).waitFor();
  return (await page.locator('#room-id').textContent()) ?? '';
}

async function write(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByLabel('Message', { exact: true }).press('Enter');
}

/** Waits for a line with exactly this text. */
const sees = (page: Page, text: string) =>
  page.locator('#log .text').getByText(text, { exact: true }).waitFor();

const texts = (page: Page) => page.locator('#log .text').allTextContents();

async function nodeClient(who: 'ann' | 'bob'): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://${broker.host}:${broker.ports.mqtt}`, {
    ...broker.accounts[who],
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  clients.push(client);
  return client;
}

/** The Java Paho example in the room: what it reads it says, what it hears it prints as `name: text`. */
async function pahoChat(who: 'ann' | 'bob', room: string): Promise<Child> {
  const url = `tcp://${broker.host}:${broker.ports.mqtt}`;
  const jar = join(PAHO_EXAMPLE, 'target', PAHO_JAR);
  const program = startChild('java', ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-jar', jar, who, room, url], {
    env: { CHAT_PASSWORD: broker.accounts[who].password },
  });
  programs.push(program);
  await program.line('In room');
  return program;
}

describe('the chat page', () => {
  it('lets two people talk in a room that one made and the other joined by its link', async () => {
    const ann = await openAs('ann');
    const id = await createRoom(ann, 'Garden party');
    expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{15}$/);
    await ann.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ann.getByRole('button', { name: 'Copy link' }).click();
    await ann.getByText('Link copied').waitFor();
    const link = await ann.evaluate<string>('navigator.clipboard.readText()');
    expect(link).toBe(`${base}#room=${id}`);

    const bob = await openAs('bob', link.slice(base.length));
    // The name comes from the retained description, not from the link.
    await bob.getByRole('heading', { name: 'Garden party' }).waitFor();

    await write(ann, 'hello bob');
    await sees(bob, 'hello bob');
    await write(bob, 'hello ann');
    await sees(ann, 'hello ann');
    await ann.locator('#log .own[data-state="sent"]').waitFor();
    expect(await texts(ann)).toEqual(['hello bob', 'hello ann']);
    expect(await texts(bob)).toEqual(['hello bob', 'hello ann']);
  });

  it('shares a room with a Java Paho client', async () => {
    const ann = await openAs('ann');
    const quiet = await createRoom(ann, 'Night shift');
    const id = await createRoom(ann, 'Harbour crew');
    const bob = await openAs('bob', `#room=${id}`);
    const java = await pahoChat('bob', id);
    const say = async (page: Page, text: string) => {
      await write(page, text);
      await Promise.all([sees(ann, text), sees(bob, text)]);
    };

    await say(ann, 'Morning! Is the 9:40 delivery on its way?');
    await java.line('ann: Morning! Is the 9:40 delivery on its way?');
    await say(bob, 'Just left the yard. 14 pallets, the cold chain is logged.');
    await java.line('bob: Just left the yard.');
    java.process.stdin?.write('Grüße aus Java: gate 3 is open, dock 7 is reserved\n');
    await sees(ann, 'Grüße aus Java: gate 3 is open, dock 7 is reserved');
    await sees(bob, 'Grüße aus Java: gate 3 is open, dock 7 is reserved');
    expect(await texts(ann)).toEqual(await texts(bob));
    await say(ann, 'Perfect. Can the warehouse system hold dock 7 until noon?');
    await say(ann, 'Then nobody has to call.');
    await say(bob, 'It reads this room through JMS, so it knows already.');
    await say(ann, 'Love it.');

    const elsewhere = { type: 'text', id: uniqueName('id'), from: 'bob', text: 'Anyone?', sentAt: '' };
    const program = await nodeClient('bob');
    await program.publishAsync(`chat/${quiet}/messages`, JSON.stringify(elsewhere), { qos: 1 });
    await ann.locator(`[data-room="${quiet}"] .unread`).getByText('1').waitFor();
    await takePictures(ann);
  });

  it('keeps nobody out: axe-core finds nothing serious, logged out and in a room, light and dark', async () => {
    const page = await openPage();
    await page.getByLabel('Account').waitFor();
    const inBoth = async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await barriers(page)).toEqual([]);
      }
    };
    await inBoth();
    await logIn(page, 'ann', broker.accounts.ann.password);
    await connected(page);
    await inBoth();
    const id = await createRoom(page, 'Open to all');
    const bob = await openAs('bob', `#room=${id}`);
    await write(page, 'hello bob');
    await write(bob, 'hello ann');
    await sees(page, 'hello ann');
    await page.locator('#log .own[data-state="sent"]').waitFor();
    await inBoth();
  });

  it('shows a newcomer what was said before, in order, above what comes then', async () => {
    const bridge = await startBridge(CHAT_MAPPING, brokerEnvironment(broker));
    try {
      const ann = await openAs('ann');
      const id = await createRoom(ann, uniqueName('Before'));
      const said = ['first', 'second', 'third'];
      for (const text of said) await write(ann, text);
      await eventually(async () => (await history.last(id, 50)).length === said.length);
      const bob = await openAs('bob', `#room=${id}`);
      await sees(bob, 'third');
      await write(ann, 'fourth');
      await sees(bob, 'fourth');
      expect(await texts(bob)).toEqual([...said, 'fourth']);
      expect(await texts(ann)).toEqual([...said, 'fourth']);
      expect(await bob.locator('.unread').filter({ hasText: '3' }).count()).toBe(0);
    } finally {
      await bridge.end();
    }
  });

  it('shows who is in the room, and that they are gone: by themselves, elsewhere, or cut off', async () => {
    const ann = await openAs('ann');
    const id = await createRoom(ann, uniqueName('Here'));
    const here = (page: Page) => page.getByRole('list', { name: 'Here now' });
    await here(ann).getByText('you').waitFor();
    const bob = await openAs('bob', `#room=${id}`);
    await here(ann).getByRole('button', { name: 'bob' }).waitFor();
    await here(bob).getByRole('button', { name: 'ann' }).waitFor();
    await createRoom(bob, uniqueName('Elsewhere'));
    await here(ann).getByRole('button', { name: 'bob' }).waitFor({ state: 'detached' });
    await bob.locator(`[data-room="${id}"]`).click();
    await here(ann).getByRole('button', { name: 'bob' }).waitFor();

    // Another page of the same account leaves, and this one is still there.
    const second = await openAs('bob', `#room=${id}`);
    await here(second).getByRole('button', { name: 'ann' }).waitFor();
    await second.getByRole('button', { name: 'Leave room' }).click();
    await second.getByText('You are in no room yet').waitFor();
    await write(bob, 'still here');
    await sees(ann, 'still here');
    await here(ann).getByRole('button', { name: 'bob' }).waitFor();
    // A browser that ends says nothing: the broker sends its will.
    await bob.context().close();
    await here(ann).getByRole('button', { name: 'bob' }).waitFor({ state: 'detached' });
    expect(await here(ann).getByRole('listitem').allTextContents()).toEqual(['you']);
  });

  it('takes messages to one account alone, which come also while that one is away', async () => {
    const ann = await openAs('ann');
    await ann.getByLabel('Room ID or link').fill('@bob');
    await ann.getByRole('button', { name: 'Join' }).click();
    await ann.getByRole('heading', { name: 'bob', exact: true }).waitFor();
    expect(await ann.getByRole('button', { name: 'Copy link' }).count()).toBe(0);
    const bob = await openAs('bob');
    await write(ann, 'just for you');
    await ann.locator('#log .own[data-state="sent"]').waitFor();
    await bob.locator('[data-room="@ann"] .unread').getByText('1').waitFor();
    await bob.locator('[data-room="@ann"]').click();
    await sees(bob, 'just for you');
    await write(bob, 'and back');
    await sees(ann, 'and back');
    await ann.reload();
    await ann.getByRole('button', { name: 'Log in' }).waitFor();
    await write(bob, 'are you there?');
    await bob.locator('#log .own[data-state="sent"]').nth(1).waitFor();
    await logIn(ann, 'ann', broker.accounts.ann.password);
    await ann.locator('[data-room="@bob"]').click();
    await sees(ann, 'are you there?');
    expect(await texts(ann)).toEqual(['just for you', 'and back', 'are you there?']);
    expect(await texts(bob)).toEqual(['just for you', 'and back', 'are you there?']);
  });

  it('shows web addresses as links that know nothing of this page, and runs none', async () => {
    const room = uniqueName('room');
    const ann = await openAs('ann', `#room=${room}`);
    const text =
      'see https://example.org/a?b=1&c=<i>, (http://example.org/x). javascript:alert(1) data:text/html,x';
    await write(ann, text);
    await sees(ann, text);
    expect(
      await ann.evaluate(
        "[...document.querySelectorAll('#log a')].map(({ href, rel, target }) => [href, rel, target])",
      ),
    ).toEqual([
      ['https://example.org/a?b=1&c=', 'noopener noreferrer nofollow', '_blank'],
      ['http://example.org/x', 'noopener noreferrer nofollow', '_blank'],
    ]);
  });

  it('joins by a typed ID, says what an ID looks like, and counts what is unread elsewhere', async () => {
    const [first, second] = [uniqueName('room'), uniqueName('room')];
    const ann = await openAs('ann');
    const join = async (typed: string) => {
      await ann.getByLabel('Room ID or link').fill(typed);
      await ann.getByRole('button', { name: 'Join' }).click();
    };
    await join('no/such room');
    await ann.getByText('A room ID has 1 to 64 letters').waitFor();
    await join(first);
    await ann.getByRole('heading', { name: first }).waitFor();
    await join(`${base}#room=${second}`);
    await ann.getByRole('heading', { name: second }).waitFor();

    const bob = await openAs('bob', `#room=${first}`);
    await write(bob, 'are you there?');
    await ann.locator(`[data-room="${first}"] .unread`).getByText('1').waitFor();
    await ann.locator(`[data-room="${first}"]`).click();
    await sees(ann, 'are you there?');
    expect(await ann.locator(`[data-room="${first}"] .unread`).count()).toBe(0);

    await ann.getByRole('button', { name: 'Leave room' }).click();
    await ann.locator(`[data-room="${first}"]`).waitFor({ state: 'detached' });
    expect(await ann.locator(`[data-room="${second}"]`).count()).toBe(1);
  });

  it('shows HTML, foreign bodies and claimed names as nothing but text', async () => {
    const room = uniqueName('room');
    const ann = await openAs('ann', `#room=${room}`);
    const bob = await openAs('bob', `#room=${room}`);
    const html = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    await write(bob, html);
    await sees(ann, html);

    const program = await nodeClient('bob');
    const claimed = { type: 'text', id: uniqueName('id'), from: 'ann', text: 'not ann', sentAt: 'never' };
    for (const body of ['<b>not JSON</b>', '{"type":"text","text":5}', JSON.stringify(claimed)]) {
      await program.publishAsync(`chat/${room}/messages`, body, { qos: 1 });
    }
    await sees(ann, '<b>not JSON</b>');
    await sees(ann, '{"type":"text","text":5}');
    await sees(ann, 'not ann');
    await ann.getByText('your account, from elsewhere').waitFor();
    expect(await ann.locator('#log .own').count()).toBe(0);
    expect(await ann.locator('#log').locator('img, script, b').count()).toBe(0);
    // A script would have put 1 or 2 there; what still waits in other sessions of the account may count.
    expect(await ann.title()).toMatch(/^(\(\d+\) )?Chat$/);
  });

  it('keeps only the last 500 lines of a busy room in the page', async () => {
    const room = uniqueName('room');
    const ann = await openAs('ann', `#room=${room}`);
    await ann.getByRole('heading', { name: room }).waitFor();
    // The page sees its own message only once it is subscribed.
    await write(ann, 'start');
    await ann.locator('#log .own[data-state="sent"]').waitFor();
    const program = await nodeClient('bob');
    const lines = Array.from({ length: 520 }, (_, n) => ({
      type: 'text',
      from: 'bob',
      text: `line ${n}`,
      n,
    }));
    await Promise.all(
      lines.map(({ n, ...line }) =>
        program.publishAsync(
          `chat/${room}/messages`,
          JSON.stringify({ ...line, id: `${room}-${n}`, sentAt: '' }),
          { qos: 1 },
        ),
      ),
    );
    await sees(ann, 'line 519');
    expect(await texts(ann)).toEqual(lines.slice(-500).map(({ text }) => text));
  });

  it("shows the broker's reason for a refused login, stops, and takes the right password then", async () => {
    const page = await openPage();
    let sockets = 0;
    page.on('websocket', () => {
      sockets += 1;
    });
    await logIn(page, 'ann', 'wrong');
    await page.getByText('The broker refused this login: Not authorized').waitFor();
    expect(await page.getByRole('button', { name: 'Log in' }).isEnabled()).toBe(true);
    await logIn(page, 'ann', broker.accounts.ann.password);
    await connected(page);
    expect(sockets).toBe(2);
  });

  it('gives two tabs of one browser a session each', async () => {
    const room = uniqueName('room');
    const first = await openAs('ann', `#room=${room}`);
    const second = await first.context().newPage();
    await second.goto(`${base}#room=${room}`);
    await logIn(second, 'ann', broker.accounts.ann.password);
    await connected(second);
    await write(second, 'from the second tab');
    await sees(first, 'from the second tab');
    await write(first, 'from the first tab');
    await sees(second, 'from the first tab');
  });

  it('keeps the conversation over a reload, and gets what was said in the meantime', async () => {
    const room = uniqueName('room');
    const ann = await openAs('ann', `#room=${room}`);
    const bob = await openAs('bob', `#room=${room}`);
    await write(bob, 'before');
    await sees(ann, 'before');
    await ann.reload();
    await ann.getByText('Log in to join the room.').waitFor();
    await write(bob, 'meanwhile');
    await bob.locator('#log .own[data-state="sent"]').nth(1).waitFor();
    await logIn(ann, 'ann', broker.accounts.ann.password);
    await sees(ann, 'meanwhile');
    expect(await texts(ann)).toEqual(['before', 'meanwhile']);
  });

  it('misses nothing and shows nothing twice when the broker restarts', async () => {
    const room = uniqueName('room');
    const ann = await openAs('ann', `#room=${room}`);
    const bob = await openAs('bob', `#room=${room}`);
    await write(ann, 'one');
    await sees(bob, 'one');

    const restarted = broker.restart();
    await Promise.all([ann, bob].map((page) => page.locator('#connection-bar').waitFor()));
    await write(ann, 'two, while it is away');
    await write(bob, 'three, while it is away');
    await restarted;
    await Promise.all([connected(ann), connected(bob)]);
    await sees(bob, 'two, while it is away');
    await sees(ann, 'three, while it is away');
    await write(ann, 'four');
    await sees(bob, 'four');

    const expected = ['four', 'one', 'three, while it is away', 'two, while it is away'];
    for (const page of [ann, bob]) {
      expect((await texts(page)).sort()).toEqual(expected);
      await page.locator('#log .own[data-state="sending"]').waitFor({ state: 'detached' });
    }
  });
});

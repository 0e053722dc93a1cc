import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type HttpServer, startHttp } from '../../bridge/http/server.js';
import { silentLog } from '../../bridge/observability/log.js';
import type { RouteEnd, RouteStatus, Topology } from '../../bridge/status.js';
import { barriers } from '../support/axe.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startClassic, type TestBroker } from '../support/brokers.js';
import { startBrowser } from '../support/browser.js';
import { type ChatMember, joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import { takePictures } from '../support/pictures.js';
import { CommandLine } from '../support/up.js';

const WAIT_MS = 30_000;
const TOKEN = 'a-token-for-the-tests-alone';

let browser: Browser;
const contexts: BrowserContext[] = [];
/** What the pages complained of: a refused script or a thrown error shows here. */
const complaints: string[] = [];

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser?.close());
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  expect(complaints.splice(0)).toEqual([]);
});

async function open(url: string, viewport = { width: 1280, height: 900 }): Promise<Page> {
  const context = await browser.newContext({ viewport });
  contexts.push(context);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  return page;
}

const state = (page: Page, text: string) => page.locator('#state').getByText(text, { exact: true }).waitFor();
const unlock = async (page: Page, token = TOKEN) => {
  await page.getByLabel('Admin token').fill(token);
  await page.getByRole('button', { name: 'Unlock' }).click();
};
const letters = (page: Page) => page.locator('#letters-list > li');
const confirm = (page: Page, name: string) => page.locator('#confirm').getByRole('button', { name }).click();

describe('the dashboard of a running bridge', () => {
  let broker: TestBroker;
  let bridge: CommandLine;
  let folder = '';
  let file = '';
  let url = '';
  let settings: Record<string, string> = {};
  let ann: ChatMember;

  const mapping = (longest: number) => `version: 1
brokers:
  activemq:
    type: activemq
    mqtt: mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}
    lanes: 2
routes:
  room-to-jms:
    from: { mqtt: "chat/{room}/messages" }
    to: [ { topic: "rooms.{room}" }, { queue: chat-archive } ]
    limits: { bytes: ${longest} }
  jms-to-room:
    from: { queue: chat-outbox }
    to: { mqtt: "chat/{properties.room}/messages" }
  telemetry:
    from: { mqtt: "plant/{line}/{machine}/telemetry" }
    to: { topic: "telemetry.{line}" }
  alarms:
    from: { mqtt: "plant/{line}/{machine}/alarm" }
    to: [ { queue: alarms }, { topic: "telemetry.{line}" } ]
http:
  port: \${HTTP_PORT}
  chat: ws://127.0.0.1:\${ACTIVEMQ_WS_PORT}
  admin: { token: "\${ADMIN_TOKEN}", tail: true }
`;
  const startBridge = async () => {
    bridge = new CommandLine(['--log-format', 'json', 'run', file], settings);
    await bridge.says(/bridge\.started/);
  };

  beforeAll(async () => {
    broker = await startClassic();
    folder = await mkdtemp(join(tmpdir(), 'bridge-dashboard-'));
    file = join(folder, 'mapping.yaml');
    await writeFile(file, mapping(300));
    const port = await freePort();
    settings = { ...brokerEnvironment(broker), HTTP_PORT: String(port), ADMIN_TOKEN: TOKEN };
    url = `http://127.0.0.1:${port}/dashboard`;
    await startBridge();
    ann = await joinChat(broker, 'ann');
  });
  afterAll(async () => {
    await ann?.leave();
    await bridge?.interrupt();
    await broker?.stop();
    await rm(folder, { recursive: true });
  });

  /** Sends for as long as the page is looked at. */
  async function withTraffic(work: () => Promise<void>): Promise<void> {
    const send = (topic: string, payload: string, every: number) => {
      const timer = setInterval(() => void ann.publish(topic, payload).catch(() => undefined), every);
      return () => clearInterval(timer);
    };
    const ends = [
      send('chat/lobby/messages', '{"type":"text","from":"ann","text":"Morning!"}', 80),
      send('plant/north/press-1/telemetry', '{"temperature":71.5}', 15),
      send('plant/north/press-1/alarm', '{"pressure":"high"}', 700),
    ];
    try {
      await work();
    } finally {
      for (const end of ends) end();
    }
  }

  const big = (text: string) => `${text} ${'beans, peas, leeks, carrots, '.repeat(12)}`;

  it('shows brokers, routes with live rates, and its picture and table, to everybody', async () => {
    const page = await open(url);
    await state(page, 'Ready');
    await withTraffic(async () => {
      const pill = page.locator('.pill[data-route="telemetry"]');
      await pill.locator('.pill-rate').getByText(/^\d\d/).waitFor();
      await page.locator('.wire:not([data-speed="0"])').first().waitFor({ state: 'attached' });
      expect(await page.locator('.place').allTextContents()).toEqual(
        expect.arrayContaining(['MQTTchat/{room}/messages', 'Queuechat-archive', 'Topictelemetry.{line}']),
      );
      await page
        .locator('.tile', { hasText: 'Received' })
        .locator('.tile-value')
        .getByText(/^\d\d/)
        .waitFor();
      await page.locator('.broker[data-state="up"]').getByText('ActiveMQ Classic').waitFor();
      await page.getByRole('button', { name: 'Table' }).click();
      const row = page.locator('tr[data-route="room-to-jms"]');
      await row.locator('td[data-label="In"]').getByText(/^\d\d/).waitFor();
      await page.getByLabel('Search routes').fill('rooms.{room}');
      await eventually(async () => (await page.locator('#routes-body tr').count()) === 1);
    });
    await page.getByRole('heading', { name: 'Dead letters' }).waitFor();
    expect(await page.locator('#letters').isVisible()).toBe(false);
    expect(await page.getByRole('link', { name: 'Chat' }).getAttribute('href')).toBe('./');
  });

  it('refuses a wrong token with a reason, takes the right one, keeps it for the tab, and locks again', async () => {
    const page = await open(url);
    await state(page, 'Ready');
    await unlock(page, 'not-the-right-token');
    await page.getByText('This is not the admin token of this bridge').waitFor();
    expect(await page.locator('#letters').isVisible()).toBe(false);
    await unlock(page);
    await page.getByText('None. What can never be delivered').waitFor();
    await page.reload();
    await page.getByText('None. What can never be delivered').waitFor();
    await page.getByRole('button', { name: 'Lock', exact: true }).click();
    await page.getByLabel('Admin token').waitFor();
    await page.reload();
    await page.getByLabel('Admin token').waitFor();
  });

  it('takes the token of a link out of the address line, and forgets one that is refused', async () => {
    const page = await open(`${url}#token=${TOKEN}`);
    await page.getByRole('button', { name: 'Replay all' }).waitFor();
    expect(page.url()).toBe(url);
    const other = await open(`${url}#token=one-of-an-earlier-run`);
    await other.getByText('This is not the admin token of this bridge').waitFor();
    await state(other, 'Ready');
    expect(bridge.output).not.toContain(TOKEN);
  });

  it('shows a dead letter with its reason, and replays it with a button once the rule takes it', async () => {
    const page = await open(`${url}#token=${TOKEN}`);
    await page.getByText('None. What can never be delivered').waitFor();
    const html = '<img src=x onerror="document.title=1"><b>bold</b>';
    await ann.publish('chat/vault/messages', big(html));
    const letter = letters(page).first();
    await letter.getByText('Over a limit').waitFor();
    await letter.getByText('more than the 300 that limits.bytes of the rule takes').waitFor();
    await letter.getByText('mqtt chat/vault/messages').waitFor();
    await letter.locator('.body').getByText(html).waitFor();
    await page.locator('.pill[data-route="room-to-jms"]').getByText('dead letter').waitFor();
    await page.locator('#problems').getByText('dead-lettered').waitFor();

    // It cannot be sent yet: it stays, and the page says why.
    await letter.getByRole('button', { name: 'Replay' }).click();
    await confirm(page, 'Replay');
    await page.locator('#letters-result').getByText('0 replayed, 1 stays: the body has').waitFor();

    await writeFile(file, mapping(5_000));
    await bridge.says(/mapping\.reloaded/);
    await state(page, 'Ready');
    const { first } = await ann.listen('rooms/vault');
    await letters(page).first().getByRole('button', { name: 'Replay' }).click();
    await page.locator('#confirm').getByRole('button', { name: 'Cancel' }).click();
    expect(await letters(page).count()).toBe(1);
    await letters(page).first().getByRole('button', { name: 'Replay' }).click();
    await confirm(page, 'Replay');
    expect(String(await first)).toBe(big(html));
    await page.locator('#letters-result').getByText('1 replayed.').waitFor();
    await page.getByText('None. What can never be delivered').waitFor();
    // The rule that changed may still be connecting when its dead letter is away.
    await eventually(async () => (await page.title()) === 'Dashboard');
  });

  it('shows what strangers wrote as nothing but text, drops one or all after asking, and is free of barriers', async () => {
    await writeFile(file, mapping(300));
    await eventually(() => (bridge.output.match(/mapping\.reloaded/g) ?? []).length === 2);
    const page = await open(`${url}#token=${TOKEN}`);
    await state(page, 'Ready');
    const evil = '<img src=x onerror=alert(1)>';
    await ann.publish(`chat/${evil}/messages`, big('<script>document.title=2</script>'));
    await letters(page).getByText(`mqtt chat/${evil}/messages`).waitFor();
    await page.locator('#problems').getByText(evil).waitFor();
    await ann.publish(
      'chat/garden/messages',
      big('{"type":"text","from":"bob","text":"Seeds for the garden:'),
    );
    await ann.publish(
      'chat/kitchen/messages',
      big('{"type":"text","from":"bob","text":"The menu of the week:'),
    );
    await eventually(async () => (await letters(page).count()) === 3);
    expect(await page.locator('main').locator('img, script, b').count()).toBe(0);
    expect(await barriers(page)).toEqual([]);

    await letters(page).first().getByRole('button', { name: 'Drop' }).click();
    await confirm(page, 'Drop');
    await page.locator('#letters-result').getByText('1 dropped.').waitFor();
    await eventually(async () => (await letters(page).count()) === 2);

    await withTraffic(async () => {
      await page.locator('.pill[data-route="telemetry"] .pill-rate').getByText(/^\d\d/).waitFor();
      // A line through the last seconds, not just a point.
      const line = page.locator('.spark-line').first();
      const ready = () =>
        eventually(async () => ((await line.getAttribute('d')) ?? '').split('L').length > 20);
      await takePictures(page, 'dashboard', { desktop: { width: 1280, height: 1060 }, ready });
      expect(await barriers(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await barriers(page)).toEqual([]);
      await page.setViewportSize({ width: 1280, height: 900 });
      expect(await barriers(page)).toEqual([]);
    });

    await page.getByLabel('Reason').selectOption({ label: 'Destination refused' });
    await page.getByText('No dead letter is like that.').waitFor();
    await page.getByLabel('Reason').selectOption({ label: 'Over a limit' });
    await eventually(async () => (await letters(page).count()) === 2);
    await page.getByRole('button', { name: 'Drop these' }).click();
    await page.getByText('Drop all dead letters with the reason Over a limit?').waitFor();
    await confirm(page, 'Drop');
    await page.locator('#letters-result').getByText('2 dropped.').waitFor();
    await eventually(async () => (await page.title()) === 'Dashboard');
  });

  it('shows the messages of a route as they come, while somebody watches and has the token', async () => {
    const page = await open(url);
    await page.locator('.pill[data-route="room-to-jms"]').click();
    await page.getByText('Needs the admin token').waitFor();
    expect(await page.getByRole('button', { name: 'Watch' }).isVisible()).toBe(false);
    await page.keyboard.press('Escape');
    await unlock(page);
    await page.getByRole('button', { name: 'Replay all' }).waitFor();

    // By keyboard alone.
    await page.locator('.pill[data-route="room-to-jms"]').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Watch' }).press('Enter');
    await page.getByText('Nothing has come yet.').waitFor();
    await ann.publish('chat/lobby/messages', '<i>seen</i>');
    await page.locator('#tail .body').getByText('<i>seen</i>').waitFor();
    await page.locator('#tail').getByText('mqtt chat/lobby/messages').waitFor();
    expect(await barriers(page)).toEqual([]);
    await page.getByRole('button', { name: 'Stop watching' }).click();
    expect(await page.locator('#tail').isVisible()).toBe(false);
  });

  it('says that the broker is down, and up again', async () => {
    const page = await open(url);
    await state(page, 'Ready');
    await broker.kill();
    await state(page, 'Not ready');
    await page.locator('.broker[data-state="down"] .broker-reason').getByText(/\w/).waitFor();
    await page.locator('#reasons').getByText('broker activemq').first().waitFor();
    await page.locator('.frame[data-state="down"]').first().getByText('Down').waitFor();
    expect(await barriers(page)).toEqual([]);
    await broker.restart();
    await state(page, 'Ready');
    await page.locator('.broker[data-state="up"]').waitFor();
    await page.locator('#problems').getByText('disconnected').first().waitFor();
    await ann.leave().catch(() => undefined);
    ann = await joinChat(broker, 'ann');
  });

  it('says that the bridge is gone, and goes on when it is back', async () => {
    const page = await open(`${url}#token=${TOKEN}`);
    await state(page, 'Ready');
    await bridge.interrupt();
    await page.getByText('The bridge does not answer. Trying again each second.').waitFor();
    await state(page, 'No answer');
    await startBridge();
    await state(page, 'Ready');
    expect(await page.locator('#gone').isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Replay all' }).waitFor();
  });
});

describe('the dashboard of any bridge', () => {
  let server: HttpServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  const end = (kind: RouteEnd['kind'], name: string): RouteEnd => ({
    broker: 'mq',
    protocol: 'stomp',
    kind,
    name,
  });
  const statusOf = (name: string): RouteStatus => ({
    name,
    state: 'running',
    received: 5,
    delivered: 5,
    filtered: 0,
    duplicates: 0,
    lost: 0,
    retried: 0,
    deadLettered: 0,
    deadLetterReasons: {},
    expired: 0,
    inFlight: 0,
    oldestInFlightSeconds: 0,
  });

  /** Opens the dashboard of a bridge that says that it has so many routes. */
  async function openWith(count: number, viewport?: { width: number; height: number }): Promise<Page> {
    const names = Array.from({ length: count }, (_, n) => `route-${n}`);
    const topology: Topology = {
      brokers: count === 0 ? [] : [{ name: 'mq', type: 'activemq' }],
      routes: names.map((name, n) => ({
        name,
        from: end('mqtt', `plant/${n}/{machine}`),
        to: [end('topic', `plant.${n}`), end('queue', 'all')],
        deadLetter: end('queue', 'dead'),
      })),
    };
    const nothing = async () => ({ isComplete: true });
    server = await startHttp({
      config: { host: '127.0.0.1', port: 0 },
      status: () => ({
        ready: true,
        state: 'running',
        startedAt: new Date().toISOString(),
        connections: [],
        routes: names.map(statusOf),
      }),
      reload: () => Promise.reject(new Error('nobody reloads here')),
      log: silentLog,
      dashboard: {
        topology: () => topology,
        problems: () => [],
        deadLetters: {
          survey: async () => ({ letters: [], more: false, unread: [] }),
          replay: nothing,
          drop: nothing,
        },
      },
    });
    const page = await open(`http://127.0.0.1:${server.port}/dashboard`, viewport);
    await state(page, 'Ready');
    return page;
  }

  it('without routes, brokers and a token says what there could be', async () => {
    const page = await openWith(0);
    await page.getByText('No routes yet.').waitFor();
    await page.getByText('The mapping file names no broker yet.').waitFor();
    await page.getByText('Dead letters are shown to nobody here').waitFor();
    await page.getByText('None since the bridge started.').waitFor();
    expect(await barriers(page)).toEqual([]);
  });

  it('draws fifty routes, and lists more of them, until a search leaves few enough', async () => {
    const fifty = await openWith(50);
    expect(await fifty.locator('.pill').count()).toBe(50);
    const boxes = await fifty
      .locator('.place.target')
      .evaluateAll((all: { offsetTop: number; offsetHeight: number }[]) =>
        all.map(({ offsetTop, offsetHeight }) => [offsetTop, offsetTop + offsetHeight]),
      );
    boxes.sort(([a = 0], [b = 0]) => a - b);
    expect(boxes).toHaveLength(51);
    for (const [index, [top = 0]] of boxes.entries())
      expect(top).toBeGreaterThanOrEqual(boxes[index - 1]?.[1] ?? 0);
    expect(await barriers(fifty)).toEqual([]);
    // The wires of the route that has the focus stand out: one in, two out.
    await fifty.locator('.pill[data-route="route-7"]').focus();
    expect(await fifty.locator('.wire:not(.dim)').count()).toBe(3);
    await fifty.getByLabel('Search routes').focus();
    expect(await fifty.locator('.wire.dim').count()).toBe(0);
    await server?.close();

    const many = await openWith(300);
    await many.getByText('300 routes; up to 60 are drawn: search for fewer').waitFor();
    expect(await many.locator('#flow').isVisible()).toBe(false);
    expect(await many.locator('#routes-body tr').count()).toBe(300);
    await many.getByLabel('Search routes').fill('plant.29');
    await many.getByText('11 of 300 routes').waitFor();
    await eventually(async () => (await many.locator('.pill').count()) === 11);
    await many.getByLabel('Search routes').fill('nothing like this');
    await many.getByText('No route has that in its name').waitFor();
  });

  it('fits a phone without scrolling sideways', async () => {
    const page = await openWith(3, { width: 390, height: 800 });
    await page.locator('tr[data-route="route-1"]').getByText('plant/1/{machine}').waitFor();
    expect(await page.locator('#flow').isVisible()).toBe(false);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(await barriers(page)).toEqual([]);
  });
});

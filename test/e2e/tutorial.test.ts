import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCheckout } from '../../bridge/launch/checkout.js';
import { startBrowser } from '../support/browser.js';
import { type Child, startChild } from '../support/child.js';
import { mavenPackage } from '../support/maven.js';
import { CommandLine, freePortSettings, type UpPorts } from '../support/up.js';

/**
 * Does what docs/tutorial.md says, with its own commands and texts. Only what would be in the way of others on this machine is
 * elsewhere: ports, the broker's data, and the archive.
 */

const { top } = findCheckout();

let tutorial = '';
let folder = '';
let ports: UpPorts;
let browser: Browser;
const running: Child[] = [];
let npmStart: CommandLine | undefined;

beforeAll(async () => {
  tutorial = await readFile(join(top, 'docs', 'tutorial.md'), 'utf8');
  folder = await mkdtemp(join(tmpdir(), 'bridge-tutorial-'));
  ports = await freePortSettings();
  browser = await startBrowser();
  // Under the lock of the other tests: the tutorial's own `mvn package` then finds nothing to do.
  await mavenPackage(join(top, 'examples', 'java-jms'), 'java-jms.jar');
});
afterAll(async () => {
  await Promise.all(running.map((child) => child.stop()));
  await browser?.close();
  npmStart?.signal('SIGTERM');
  await npmStart?.exited;
  await rm(folder, { recursive: true, force: true });
});

/** The fenced blocks, commands or what is printed and typed, in their order. */
const blocks = (language: 'sh' | ''): string[] =>
  [...tutorial.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, name, text = '']) =>
    name === language ? [text.trimEnd()] : [],
  );

/** A text of this test that has to stand in the tutorial, too. */
function written(text: string): string {
  expect(tutorial.replaceAll(/\s+/g, ' ')).toContain(text);
  return text;
}

function run(command: string): Child {
  const child = startChild('bash', ['-c', command], {
    cwd: top,
    terminal: true,
    env: {
      BROKER_URL: `tcp://127.0.0.1:${ports.ACTIVEMQ_OPENWIRE_PORT}`,
      ARCHIVE_FILE: join(folder, 'chat-archive.jsonl'),
    },
  });
  running.push(child);
  return child;
}

/** Maven ends with colours and without a line break. */
const plain = (line: string) => stripVTControlCharacters(line);

async function enter(room: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(`http://127.0.0.1:${ports.HTTP_PORT}/`);
  await page.getByLabel('Account').fill(written('ann'));
  await page.getByLabel('Password').fill(written('ann-try-out'));
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByLabel(written('Room ID or link')).fill(written(room));
  await page.getByRole('button', { name: written('Join') }).click();
  await page.getByRole('heading', { name: room }).waitFor();
  return page;
}

async function write(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(written(`write \`${text}\``).slice(7, -1));
  await page.getByLabel('Message', { exact: true }).press('Enter');
}

const sees = (page: Page, text: string | RegExp) => page.locator('#log .text').getByText(text).waitFor();

describe('docs/tutorial.md', { timeout: 240_000 }, () => {
  it('does what it says, step by step', async () => {
    const [start = '', java = '', explain = '', ...moreCommands] = blocks('sh');
    const [greeting = '', question = '', typed = '', explained = '', missed = '', ...moreText] = blocks('');
    expect([moreCommands, moreText]).toEqual([[], []]);

    expect(start).toBe('npm start');
    const args = ['start', '--', '--data', join(folder, 'data')];
    npmStart = new CommandLine(args, ports, { command: 'npm', cwd: top });
    await npmStart.says(/To stop +Ctrl-C/);

    const page = await enter('kitchen');
    const program = run(java);
    for (const line of greeting.split('\n'))
      await program.line(line.replace('chat-archive.jsonl', join(folder, 'chat-archive.jsonl')));
    await write(page, 'Is the soup ready?');
    expect(plain(await program.line('soup'))).toBe(question);

    program.process.stdin?.write(`${typed}\n`);
    await sees(page, typed.replace('kitchen ', ''));
    written(`The page shows "${typed.replace('kitchen ', '')}"`);

    await write(page, '/time');
    await sees(page, /^It is \d\d:\d\d:\d\d \S+$/);
    const { stdout, code } = await run(explain).ended;
    expect(code).toBe(0);
    expect(stdout).toContain(`${explained}\n`);

    await program.stop();
    await write(page, 'Anybody there?');
    await page.locator('#log .own[data-state="sent"]').getByText('Anybody there?').waitFor();
    const again = run(java);
    expect(plain(await again.line('Anybody'))).toBe(missed);
    const archive = await readFile(join(folder, 'chat-archive.jsonl'), 'utf8');
    expect(archive).toContain('Is the soup ready?');

    await again.stop();
    npmStart.signal('SIGTERM');
    await npmStart.exited;
    expect(npmStart.output).toMatch(/Stopping/);
  });
});

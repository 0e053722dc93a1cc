import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../../bridge/cli/program.js';

const RULES = `version: 1
brokers: { mq: { type: activemq, host: localhost } }
routes:
  loud:
    from: { mqtt: "chat/{room}/messages" }
    where: body.text.endsWith("!")
    to:
      - { topic: "rooms.{room}", properties: { length: "{size(body.text)}" } }
      - { queue: "shout.{properties.to}" }
  off: { from: { mqtt: "chat/{room}/messages" }, to: { queue: never }, enabled: false }
  out: { from: { queue: outbox }, to: { mqtt: "chat/{properties.room}/messages", body: '{ {"text": body} }' } }
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-trial-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function cli(mapping: string, command: string, ...args: string[]) {
  const file = join(folder, 'mapping.yaml');
  await writeFile(file, mapping);
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await runCli([command, file, ...args], {
    env: {},
    terminal: false,
    stop: AbortSignal.abort('SIGTERM'),
    onHangup: () => {},
    say: (line) => out.push(line),
    complain: (line) => err.push(line),
  });
  return { exitCode, out, err };
}

describe('explain', () => {
  it('tells what each rule does, with captures, headers, bodies and dead letters', async () => {
    const { exitCode, out } = await cli(RULES, 'explain', 'chat/a.b/messages', '--body', '{"text":"hey!"}');
    expect(exitCode).toBe(0);
    expect(out).toEqual([
      'loud: takes it',
      '  room = "a.b"',
      '  -> topic rooms.a%2Eb on mq over stomp, TextMessage, persistent',
      '     property length: 4',
      '     body: {"text":"hey!"}',
      expect.stringMatching(
        /^ {2}-> dead letter to queue bridge\.dead-letter: the destination queue "shout\.\{properties\.to\}" has no value/,
      ),
      'off: is turned off',
      'out: does not take it: it reads queue outbox',
    ]);
  });

  it.each([
    ['{"text":"hey"}', 'loud: does not take it: where is false: body.text.endsWith("!")'],
    ['hey', /^loud: dead letter to queue bridge\.dead-letter: (?:where )?"body\.text\.endsWith/],
  ])('tells why where does not take %s', async (body, line) => {
    const { out } = await cli(RULES, 'explain', 'chat/lobby/messages', '--body', body);
    expect(out[0]).toEqual(typeof line === 'string' ? line : expect.stringMatching(line));
  });

  it('reads the properties of MQTT 5 as text, and shows what goes along', async () => {
    const rules = `version: 1
brokers: { edge: { type: mqtt, host: localhost, mqttVersion: 5 } }
routes:
  r:
    from: { mqtt: "in/{x}" }
    where: properties.n == "5"
    to: { mqtt: "out/{x}", properties: { n: "{properties.n}" }, correlationId: "{x}-1", ttl: 5s }
`;
    const { out } = await cli(rules, 'explain', 'in/a', '--body', 'hi', '--property', 'n=5');
    expect(out).toEqual([
      'r: takes it',
      '  x = "a"',
      '  -> mqtt out/a on edge over mqtt, QoS 1',
      '     correlationId: a-1',
      '     ttl: 5000',
      '     property n: "5"',
      '     body: hi',
    ]);
  });

  it('reads typed properties and other kinds of address', async () => {
    const { out } = await cli(RULES, 'explain', 'queue:outbox', '--property', 'room=lobby', '--body', 'hi');
    expect(out.slice(-3)).toEqual([
      'out: takes it',
      '  -> mqtt chat/lobby/messages on mq over mqtt, QoS 1',
      '     body: {"text":"hi"}',
    ]);
  });

  it('names the rule that came nearest when none takes it', async () => {
    const { out } = await cli(RULES, 'explain', 'chat/lobby/about');
    expect(out.at(-1)).toBe(
      'no route takes chat/lobby/about; the nearest is loud: it reads mqtt chat/{room}/messages; level 3 is "about", not "messages"',
    );
  });

  it.each([
    [['a', '--broker', 'nq'], 'there is no broker "nq": mq'],
    [['queue:'], 'an address has a name'],
    [['a', '--property', 'n'], 'write name=value'],
  ])('refuses %j as wrong use', async (args, words) => {
    const { exitCode, err } = await cli(RULES, 'explain', ...args);
    expect(exitCode).toBe(2);
    expect(err.join('\n')).toContain(words);
  });
});

describe('test', () => {
  const withTests = (tests: string) => `${RULES}tests:\n${tests}`;
  const given = '{ mqtt: chat/lobby/messages, body: { text: "hey!" }, properties: { to: x } }';

  it('passes when all that comes out was expected, and names rules without a test', async () => {
    const { exitCode, out } = await cli(
      withTests(
        `  - given: ${given}\n    expect: [{ queue: shout.x, body: { text: "hey!" } }, { topic: rooms.lobby, properties: { length: 4 } }]\n`,
      ),
      'test',
    );
    expect(out).toEqual([
      'ok   test 1: mqtt chat/lobby/messages',
      '1 passed, 0 failed',
      'no test makes a message go through out',
    ]);
    expect(exitCode).toBe(0);
  });

  it('prints every difference', async () => {
    const { exitCode, out } = await cli(
      withTests(`  - name: shouting
    given: ${given}
    expect: [{ topic: rooms.lobby, properties: { length: 5 }, body: { text: hey }, persistent: false }, { queue: y }]
  - name: whispering
    given: { mqtt: chat/lobby/messages, body: { text: hey } }
    expect: []
`),
      'test',
    );
    expect(out).toEqual([
      'FAIL shouting',
      '     topic rooms.lobby: persistent is true, not false',
      '     topic rooms.lobby: property length is 4, not 5',
      '     topic rooms.lobby: the body is {"text":"hey!"}, not {"text":"hey"}',
      '     nothing comes to queue y',
      '     not expected: queue shout.x',
      'ok   whispering',
      '1 passed, 1 failed',
      'no test makes a message go through out',
    ]);
    expect(exitCode).toBe(1);
  });

  it('takes a dead letter for what comes out', async () => {
    const tests = `  - given: { queue: outbox, body: hi }\n    expect: [{ queue: bridge.dead-letter }]\n`;
    expect((await cli(withTests(tests), 'test')).out[0]).toMatch(/^ok/);
    const unexpected = `  - given: { queue: outbox, body: hi }\n    expect: []\n`;
    expect((await cli(withTests(unexpected), 'test')).out[1]).toMatch(
      /^ {5}not expected: a dead letter \(queue bridge\.dead-letter\): the destination mqtt/,
    );
  });

  it('fails on a file without tests', async () => {
    const { exitCode, err } = await cli(RULES, 'test');
    expect(exitCode).toBe(1);
    expect(err.join()).toContain('has no tests');
  });
});

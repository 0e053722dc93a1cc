// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have them
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../../bridge/cli/program.js';

const BROKERS = `version: 1
brokers:
  mq: { type: activemq, host: "\${HOST:-localhost}", username: u, password: first }
  edge: { type: mqtt, host: edge }
`;
const OLD = `${BROKERS}routes:
  rooms:
    from: { broker: mqtt-or-mq, mqtt: "chat/{room}/messages" }
    to:
      - { broker: mq, topic: "rooms.{room}" }
      - { broker: mq, queue: archive, group: "{room}" }
  relay: { from: { broker: edge, mqtt: "b/{x}" }, to: { broker: mq, queue: relayed } }
`.replace('mqtt-or-mq', 'mq');

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-diff-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function diff(old: string, now: string, env: NodeJS.ProcessEnv = {}) {
  const files = [join(folder, 'old.yaml'), join(folder, 'new.yaml')] as const;
  await Promise.all([writeFile(files[0], old), writeFile(files[1], now)]);
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await runCli(['diff', ...files], {
    env,
    terminal: false,
    stop: AbortSignal.abort('SIGTERM'),
    onHangup: () => {},
    say: (line) => out.push(line.replaceAll(folder, '')),
    complain: (line) => err.push(line.replaceAll(folder, '')),
  });
  return { exitCode, out, err };
}

/** What differs between OLD and OLD with some text replaced by other text. */
async function change(...replacements: readonly (readonly [string, string])[]) {
  const now = replacements.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the old file has no ${from}`);
    return text.replace(from, to);
  }, OLD);
  const { exitCode, out, err } = await diff(OLD, now);
  expect(err).toEqual([]);
  expect(exitCode).toBe(0);
  return out;
}

describe('diff', () => {
  it('says plainly that there is no difference: not in comments, order, quotes and what is the default', async () => {
    expect(await change()).toEqual(['no difference']);
    expect(
      await change(
        ['version: 1', '# a comment\nversion: 1'],
        [
          '{ broker: edge, mqtt: "b/{x}" }',
          '{ mqtt: b/{x}, broker: edge, qos: 1 }'.replace('b/{x}', "'b/{x}'"),
        ],
        ['to: { broker: mq, queue: relayed }', 'to: [{ broker: mq, queue: relayed, persistent: true }]'],
      ),
    ).toEqual(['no difference']);
  });

  it('tells changed keys in the words of the file, and what they mean for an address', async () => {
    expect(
      await change(
        [
          '      - { broker: mq, queue: archive, group: "{room}" }',
          '      - { broker: mq, queue: archive, group: all, priority: 9 }\n      - { broker: edge, mqtt: "copy/{room}" }',
        ],
        ['messages" }\n', 'messages" }\n    where: body.type == "text"\n    retry: { max: 5s }\n'],
      ),
    ).toEqual([
      'routes:',
      '  rooms:',
      '    retry.max: 10000 -> 5s',
      '    where: not set -> body.type == "text"',
      '    to mqtt copy/{room}: new',
      '    to queue archive: group: {room} -> all',
      '    to queue archive: priority: not set -> 9',
      'addresses that change route:',
      '  mqtt chat/{room}/messages on mq: rooms -> rooms',
      '    was: rooms to topic rooms.{room} on mq, queue archive on mq',
      '    now: rooms to topic rooms.{room} on mq, queue archive on mq, mqtt copy/{room} on edge; where body.type == "text"',
    ]);
  });

  it('tells new, gone and renamed routes, and the sessions that they leave behind', async () => {
    expect(
      await change([
        '  relay:',
        '  audit: { from: { broker: mq, mqtt: "chat/{rest...}" }, to: { broker: mq, queue: audit } }\n  relayed:',
      ]),
    ).toEqual([
      'routes:',
      '  audit: new: mqtt chat/{rest...} -> queue audit',
      '  relay: is relayed now, and otherwise the same',
      'addresses that change route:',
      '  mqtt chat/{room}/messages on mq: rooms -> audit, rooms',
      '    new: audit to queue audit on mq',
      '  mqtt b/{x} on edge: relay -> relayed',
      '    no more: relay to queue relayed on mq',
      '    new: relayed to queue relayed on mq',
      '  mqtt chat/{rest...} on mq: no route -> audit',
      '    new: audit to queue audit on mq',
      'what the old file leaves on its brokers, where it goes on collecting until it is removed:',
      '  the MQTT session of client id activemq-bridge-relay on edge',
    ]);
    const { out } = await diff(
      `${OLD}  more: { from: { broker: mq, topic: news, durable: n }, to: { broker: edge, mqtt: news } }\n`,
      OLD,
    );
    expect(out).toEqual([
      'routes:',
      '  more: gone: topic news -> mqtt news',
      'addresses that change route:',
      '  topic news on mq: more -> no route',
      '    no more: more to mqtt news on edge',
      'what the old file leaves on its brokers, where it goes on collecting until it is removed:',
      '  the durable subscription n of client id activemq-bridge-more on mq',
    ]);
  });

  it('knows that a turned-off route takes nothing, and a JMS topic what its MQTT topic does', async () => {
    expect(await change(['queue: relayed }', 'queue: relayed }, enabled: false'])).toEqual(
      expect.arrayContaining(['    enabled: true -> false', '  mqtt b/{x} on edge: relay -> no route']),
    );
    const out = await change([
      '  relay:',
      '  java: { from: { broker: mq, topic: chat.lobby.messages }, to: { broker: mq, queue: lobby } }\n  relay:',
    ]);
    expect(out).toContain('  topic chat.lobby.messages on mq: rooms -> java, rooms');
    expect(out.join('\n')).not.toContain('chat/{room}/messages on mq');
  });

  it('tells of brokers, and never a password', async () => {
    const out = await change(
      ['password: first', 'password: second'],
      ['host: edge }', 'host: other }\n  third: { type: artemis, host: third }'],
    );
    expect(out.join('\n')).not.toMatch(/first|second/);
    expect(out).toEqual([
      'brokers:',
      '  third: new',
      '  mq:',
      '    password: changed (not shown)',
      '  edge:',
      '    host: edge -> other',
      'no address changes route',
      'what the old file leaves on its brokers, where it goes on collecting until it is removed:',
      '  the MQTT session of client id activemq-bridge-relay on edge',
    ]);
  });

  it('shows variables by name', async () => {
    const { out } = await diff(OLD, OLD.replace('${HOST:-localhost}', '${OTHER}'), { HOST: 'a', OTHER: 'b' });
    expect(out).toContain('    host: ${HOST:-localhost} -> ${OTHER}');
    expect(out.join('\n')).not.toMatch(/-> b$/m);
    expect(
      (await diff(OLD, OLD.replace('${HOST:-localhost}', '${OTHER}'), { HOST: 'a', OTHER: 'a' })).out,
    ).toEqual(['no difference']);
  });

  it('tells warnings that the old file has not, wherever they stand', async () => {
    const competing =
      '  c1: { from: { broker: mq, queue: in }, to: { broker: edge, mqtt: c1 } }\n  c2: { from: { broker: mq, queue: in }, to: { broker: edge, mqtt: c2 } }\n';
    const old = `${OLD}${competing}`;
    const moved = await diff(old, `# one line more\n${old}`);
    expect(moved.out).toEqual(['no difference']);
    const { out } = await diff(OLD, old);
    expect(out).toEqual(
      expect.arrayContaining([
        'new warnings:',
        expect.stringMatching(/^ {2}\/new\.yaml:13:36: warning: the route "c1" takes from this queue too/),
        '    c2: { from: { broker: mq, queue: in }, to: { broker: edge, mqtt: c2 } }'.replace(
          '    ',
          '      ',
        ),
      ]),
    );
  });

  it('tells of http and tests', async () => {
    expect(
      await change([
        'version: 1',
        'version: 1\nhttp: { port: 80 }\ntests: [{ given: { broker: mq, mqtt: a }, expect: [] }]',
      ]),
    ).toEqual(['http:', '  port: 8080 -> 80', 'tests:', '  0 -> 1', 'no address changes route']);
  });

  it('compares nothing when one file is not valid: exit code 2', async () => {
    const { exitCode, out, err } = await diff(OLD, OLD.replace('queue: relayed', 'qeue: relayed'));
    expect(exitCode).toBe(2);
    expect(out).toEqual([]);
    expect(err[0]).toMatch(/^\/new\.yaml:11:\d+: error: unknown key "qeue"/);
    expect(err.at(-1)).toBe('error: /new.yaml: not a valid mapping file; nothing was compared');
    expect((await diff('', OLD)).err.at(-1)).toContain('/old.yaml: not a valid mapping file');
  });
});

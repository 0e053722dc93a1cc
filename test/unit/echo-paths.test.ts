import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../bridge/config/load.js';
import { echoPathsOf } from '../../bridge/echo-paths.js';
import { Exchanges, sessionsOf } from '../../bridge/sessions.js';
import { CHAT_MAPPING } from '../support/bridge.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echo-paths-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function pathsIn(file: string): Promise<Record<string, unknown>> {
  const result = await loadConfig(file, {});
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return Object.fromEntries(echoPathsOf(result.config, sessionsOf(result.config, new Exchanges())));
}

async function paths(brokers: string, routes: string): Promise<Record<string, unknown>> {
  const file = join(folder, 'mapping.yaml');
  await writeFile(file, `version: 1\nbrokers:\n${brokers}\nroutes:\n${routes}\n`);
  return pathsIn(file);
}

const plain = (name: string, place: string, more = '') =>
  `  ${name}: { type: mqtt, mqtt: "mqtt://${place}"${more} }\n`;
const CLASSIC = '  a: { type: activemq, host: mq.example }\n';
const TWO = plain('a', 'one.example') + plain('b', 'two.example');

const THERE =
  '  there: { from: { broker: a, mqtt: "chat/{room}" }, to: { broker: b, mqtt: "chat/{room}" } }\n';
const BACK = '  back: { from: { broker: b, mqtt: "chat/{room}" }, to: { broker: a, mqtt: "talk/{room}" } }\n';

describe('where the mark of hops gets lost on its way back into the bridge', () => {
  it('is the room that the chat mapping says things in', async () => {
    expect(await pathsIn(CHAT_MAPPING)).toEqual({
      'jms-to-room': [['rooms']],
      'answers-to-room': [['rooms']],
    });
  });

  it.each([
    ['one host and port', 'broker.example:1883', 'BROKER.example.'],
    ['this machine', '127.0.0.1:1883', 'localhost:1883'],
  ])('is a broker that has two names in the file, known by %s', async (_, a, b) => {
    expect(await paths(plain('a', a) + plain('b', b), THERE)).toEqual({ there: [['there']] });
  });

  it.each([
    ['127.0.0.1:1883', '127.0.0.1:1884'],
    ['one.example', 'two.example'],
  ])('is not another broker: %s and %s', async (a, b) => {
    expect(await paths(plain('a', a) + plain('b', b), THERE)).toEqual({});
  });

  it('is a broker that two others turn out to be by the addresses of a third', async () => {
    const third = '  c: { type: mqtt, mqtt: ["mqtt://one.example", "mqtt://two.example"] }\n';
    expect(await paths(TWO + third, THERE)).toEqual({ there: [['there']] });
  });

  it('is each session that reads there, and the routes of one connection are one', async () => {
    const reader = (name: string, from: string) =>
      `  ${name}: { from: { broker: b, ${from} }, to: { broker: a, mqtt: "other/${name}" } }\n`;
    const readers = [
      reader('r1', 'mqtt: "chat/{room}", connection: c'),
      reader('r2', 'mqtt: "chat/lobby", connection: c'),
      reader('r3', 'mqtt: "chat/{all...}"'),
      reader('r4', 'mqtt: "elsewhere/{room}"'),
    ].join('');
    const { there } = await paths(TWO, THERE + readers);
    expect(new Set((there as string[][])[0])).toEqual(new Set(['c', 'r3']));
  });

  it.each([
    ['MQTT 5 keeps properties', ', mqttVersion: 5', {}],
    ['MQTT 3.1.1 has none', '', { there: [['back']] }],
  ])('depends on the protocol: %s', async (_, version, expected) => {
    const brokers = plain('a', 'one.example') + plain('b', 'two.example', version);
    expect(await paths(brokers, THERE + BACK)).toEqual(expected);
  });

  it('is between JMS and MQTT on a broker that has both, and not from JMS to JMS', async () => {
    const routes = `
  say: { from: { queue: q }, to: [{ topic: "chat.{properties.room}" }, { queue: q2 }, { mqtt: talk/x, via: mqtt }] }
  hear: { from: { mqtt: "chat/{room}" }, to: { queue: heard } }
  also: { from: { topic: "chat.{room}" }, to: { queue: heard-too } }
  talk: { from: { topic: "talk.{room}" }, to: { queue: talked } }
  choose: { from: { topic: "talk.{room}", selector: "a = 1" }, to: { queue: chosen } }
`;
    expect(await paths(CLASSIC, routes)).toEqual({ say: [['hear'], [], ['talk']] });
  });

  it('is where answers go that another rule reads', async () => {
    const routes = `
  ask:
    from: { broker: b, mqtt: "services/{s}/requests" }
    to: { broker: a, queue: "service.{s}" }
    reply: { from: { broker: a, queue: answers }, replyTo: "{body.replyTo}", to: { mqtt: "clients/{c}/answers" } }
  watch: { from: { broker: b, mqtt: "clients/{c}/answers" }, to: { broker: a, queue: watched } }
`;
    expect(await paths(CLASSIC + plain('b', 'two.example'), routes)).toEqual({ 'ask.reply': [['watch']] });
  });
});

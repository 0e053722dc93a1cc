import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BrokerConfig } from '../../bridge/config/config.js';
import { loadConfig } from '../../bridge/config/load.js';
import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { silentLog } from '../../bridge/observability/log.js';
import { roomsBroker } from '../../bridge/rooms/directory.js';
import { createRoomHistory, keepsHistory, type RoomHistory } from '../../bridge/rooms/history.js';
import { encodeLevel } from '../../bridge/routing/name-codec.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import { brokerEnvironment, CHAT_MAPPING, startBridge, type TestBridge } from '../support/bridge.js';
import { startClassic, type TestBroker } from '../support/brokers.js';
import { type ChatMember, chatMessage, joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';

describe('what was said last in a room, on ActiveMQ Classic', () => {
  let classic: TestBroker;
  let bridge: TestBridge;
  let place: BrokerConfig;
  const histories: RoomHistory[] = [];
  const members: ChatMember[] = [];

  beforeAll(async () => {
    classic = await startClassic({ permissions: 'shipped' });
    const env = brokerEnvironment(classic);
    const result = await loadConfig(CHAT_MAPPING, env);
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    const found = roomsBroker(result.config);
    if (found === undefined || !keepsHistory(result.config, found))
      throw new Error('chat.yaml keeps no history');
    place = found;
    bridge = await startBridge(CHAT_MAPPING, env);
  });
  afterEach(async () => {
    await Promise.all(members.splice(0).map((member) => member.leave()));
    await Promise.all(histories.splice(0).map((history) => history.stop()));
  });
  afterAll(async () => {
    await bridge?.end();
    await classic?.stop();
  });

  function startHistory(): RoomHistory {
    const history = createRoomHistory(place, silentLog);
    histories.push(history);
    history.start();
    return history;
  }

  async function say(room: string, count: number): Promise<void> {
    const member = await joinChat(classic, 'ann');
    members.push(member);
    for (let from = 0; from < count; from += 100) {
      const some = Array.from({ length: Math.min(100, count - from) }, (_, n) => `line ${from + n}`);
      await Promise.all(
        some.map((text) => member.publish(`chat/${room}/messages`, chatMessage('ann', text))),
      );
    }
  }

  const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `line ${from + n}`);
  const textsOf = async (history: RoomHistory, room: string, count = 50) =>
    (await history.last(room, count)).map(({ text }) => text);
  const isLast = async (history: RoomHistory, room: string, text: string) =>
    (await textsOf(history, room, 1).catch(() => []))[0] === text;

  /** Everything that is on the room's queue. */
  async function onQueue(room: string): Promise<number> {
    const endpoint = { ...endpointOf(classic, 'amqp'), clientId: uniqueName('reader') };
    const connection = await connectAmqp(endpoint, new AbortController().signal);
    try {
      let count = 0;
      const levels = [{ literal: 'chat-history' }, { literal: room }];
      const source = await connection.source(
        { kind: 'queue', pattern: { kind: 'queue', levels }, window: 1_000, browse: true },
        () => {
          count += 1;
        },
      );
      source.grant(1_000);
      await source.drain?.();
      return count;
    } finally {
      await connection.close();
    }
  }

  it('is the last fifty, in order, or fewer', async () => {
    const history = startHistory();
    const room = uniqueName('room');
    await say(room, 120);
    await eventually(() => isLast(history, room, 'line 119'));
    expect(await textsOf(history, room)).toEqual(lines(70, 120));
    expect(await textsOf(history, room, 3)).toEqual(lines(117, 120));
    expect(await textsOf(history, room, 1_000)).toEqual(lines(70, 120));
    expect(await history.last(uniqueName('nobody'), 50)).toEqual([]);
  });

  it('does not grow on the broker while nobody asks, nor is it lost by asking all at once', async () => {
    const history = startHistory();
    const room = uniqueName('room');
    // Heard by the listener only when that is there.
    await eventually(async () => (await history.last(room, 1)).length === 0);
    await say(room, 1_000);
    await eventually(async () => (await onQueue(room)) <= 100);
    await eventually(() => isLast(history, room, 'line 999'));
    const all = await Promise.all(Array.from({ length: 20 }, () => textsOf(history, room)));
    for (const texts of all) expect(texts).toEqual(lines(950, 1_000));
  });

  it('is all there after the bridge was away and the broker restarted, however much was said', async () => {
    const room = uniqueName('room');
    await say(room, 950);
    await eventually(() => bridge.status().routes.every(({ inFlight }) => inFlight === 0));
    await Promise.all(members.splice(0).map((member) => member.leave()));
    await classic.restart();
    const history = startHistory();
    await eventually(() => isLast(history, room, 'line 949'));
    expect(await textsOf(history, room)).toEqual(lines(900, 950));
    expect(await onQueue(room)).toBe(50);
  });

  it('is kept, and cut, for a room of any name', async () => {
    const history = startHistory();
    const room = uniqueName('tea & cake, 100%');
    await eventually(async () => (await history.last(room, 1)).length === 0);
    await say(encodeLevel(room), 120);
    await eventually(async () => (await onQueue(encodeLevel(room))) === 50);
    await eventually(() => isLast(history, room, 'line 119'));
  });

  it('leaves out what is no chat message', async () => {
    const history = startHistory();
    const room = uniqueName('room');
    const member = await joinChat(classic, 'ann');
    members.push(member);
    for (const body of ['<b>', '{"type":"text","id":5}', chatMessage('ann', 'said')])
      await member.publish(`chat/${room}/messages`, body);
    await eventually(() => isLast(history, room, 'said'));
    expect(await textsOf(history, room)).toEqual(['said']);
  });

  it('answers a hundred at a time, and the others with what to do', async () => {
    const history = startHistory();
    const rooms = Array.from({ length: 120 }, () => uniqueName('room'));
    await eventually(async () => (await history.last('lobby', 1)).length === 0);
    const answers = await Promise.allSettled(rooms.map((room) => history.last(room, 1)));
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
    expect(refused).toHaveLength(20);
    expect(refused[0]).toMatchObject({
      code: 'limit-exceeded',
      message: '100 others ask at the same time; try again',
    });
    expect(await history.last('lobby', 1)).toEqual([]);
  });

  it('says why when the broker cannot be reached', async () => {
    const endpoints = new Map(place.endpoints).set('amqp', [{ host: '127.0.0.1', port: 1 }]);
    const history = createRoomHistory({ ...place, endpoints }, silentLog);
    histories.push(history);
    history.start();
    await expect(eventually(() => history.last('lobby', 1), 500)).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/^connection-/) },
    });
  });
});

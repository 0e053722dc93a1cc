import { describe, expect, it } from 'vitest';
import { MAX_LINES, Rooms } from '../../../web/rooms.js';
import type { Store } from '../../../web/storage.js';

function memoryStore(): Store {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key),
    set: (key, value) => {
      values.set(key, value);
    },
    remove: (key) => {
      values.delete(key);
    },
  };
}

const message = (id: string, from = 'bob') => ({
  id,
  from,
  text: `text ${id}`,
  sentAt: '2026-01-01T00:00:00.000Z',
});
const chat = (id: string, from?: string) => ({ kind: 'chat', message: message(id, from) }) as const;

function joined(browser = memoryStore(), tab = memoryStore()): Rooms {
  const rooms = new Rooms('ann', browser, tab);
  rooms.join('lobby');
  return rooms;
}

describe('rooms', () => {
  it('shows a message that is delivered twice once', () => {
    const rooms = joined();
    expect(rooms.received('lobby', chat('1'))).toBe(true);
    expect(rooms.received('lobby', chat('1'))).toBe(false);
    expect(rooms.get('lobby')).toMatchObject({ unread: 1, lines: [{ own: false }] });
  });

  it('shows an own message once, and when the broker has it', () => {
    const rooms = joined();
    rooms.sending('lobby', message('1', 'ann'));
    expect(rooms.get('lobby')).toMatchObject({ unread: 0, lines: [{ own: true, pending: true }] });
    rooms.received('lobby', chat('1', 'ann'));
    rooms.sent('lobby', '1');
    expect(rooms.get('lobby')).toMatchObject({ unread: 0, lines: [{ own: true, pending: false }] });
  });

  it('does not take a message for its own because it says so', () => {
    const rooms = joined();
    rooms.received('lobby', chat('1', 'ann'));
    expect(rooms.get('lobby')?.lines).toMatchObject([{ own: false }]);
  });

  it('keeps the last lines only', () => {
    const rooms = joined();
    for (let i = 0; i < MAX_LINES + 10; i++) rooms.received('lobby', chat(String(i)));
    const lines = rooms.get('lobby')?.lines ?? [];
    expect(lines).toHaveLength(MAX_LINES);
    expect(lines.at(-1)).toMatchObject({ message: { id: String(MAX_LINES + 9) } });
  });

  it('comes back after a reload with its lines, and knows what was not sent', () => {
    const [browser, tab] = [memoryStore(), memoryStore()];
    const before = joined(browser, tab);
    before.received('lobby', chat('1'));
    before.received('lobby', { kind: 'other', text: 'raw' });
    before.sending('lobby', message('2', 'ann'));
    before.save();
    const after = new Rooms('ann', browser, tab);
    expect(after.get('lobby')?.lines).toEqual(before.get('lobby')?.lines);
    expect(after.unsent()).toEqual([{ room: 'lobby', message: message('2', 'ann') }]);
    expect(after.received('lobby', chat('1'))).toBe(false);
  });

  it('puts what was said before above the rest, once, and counts it as read', () => {
    const rooms = joined();
    rooms.received('lobby', chat('3'));
    rooms.before(
      'lobby',
      ['1', '2', '3'].map((id) => message(id)),
    );
    rooms.before('lobby', [message('2')]);
    rooms.received('lobby', chat('1'));
    rooms.before('nowhere', [message('9')]);
    expect(rooms.get('lobby')?.unread).toBe(1);
    expect(rooms.get('lobby')?.lines).toMatchObject(
      ['1', '2', '3'].map((id) => ({ message: { id }, own: false })),
    );
  });

  it('knows who is in a room until that is forgotten', () => {
    const rooms = joined();
    rooms.member('lobby', 'bob', true);
    rooms.member('lobby', 'ann', true);
    rooms.member('lobby', 'bob', true);
    expect(rooms.get('lobby')?.members).toEqual(['ann', 'bob']);
    rooms.member('lobby', 'bob', false);
    rooms.member('lobby', 'carl', false);
    expect(rooms.get('lobby')?.members).toEqual(['ann']);
    for (let i = 0; i < 500; i++) rooms.member('lobby', `a${i}`, true);
    expect(rooms.get('lobby')?.members).toHaveLength(200);
    rooms.forgetMembers();
    expect(rooms.get('lobby')?.members).toEqual([]);
  });

  it('takes what an account writes into a conversation with it, and has room for it by giving up the oldest', () => {
    const rooms = joined();
    for (let i = 0; i < 150; i++) rooms.writtenBy(`@a${i}`);
    expect(rooms.all()).toHaveLength(100);
    expect(rooms.get('lobby')).toBeDefined();
    expect(rooms.get('@a0')).toBeUndefined();
    expect(rooms.received('@a149', chat('1', 'a149'))).toBe(true);
    expect(rooms.get('@a149')).toMatchObject({ unread: 1 });
  });

  it('takes nothing of the wrong shape from storage', () => {
    const [browser, tab] = [memoryStore(), memoryStore()];
    browser.set('chat.rooms.ann', '[{"id":"a/b"},{"id":"ok","name":5},null,"x"]');
    tab.set('chat.lines.ann.ok', '[{"message":{"id":1}},null,7]');
    expect(new Rooms('ann', browser, tab).all()).toEqual([
      { id: 'ok', name: undefined, unread: 0, lines: [], members: [] },
    ]);
    browser.set('chat.rooms.ann', '{not json');
    expect(new Rooms('ann', browser, tab).all()).toEqual([]);
  });

  it('keeps the rooms of two accounts of one browser apart', () => {
    const browser = memoryStore();
    joined(browser);
    expect(new Rooms('bob', browser, memoryStore()).all()).toEqual([]);
  });

  it('forgets a room it left', () => {
    const [browser, tab] = [memoryStore(), memoryStore()];
    const rooms = joined(browser, tab);
    rooms.received('lobby', chat('1'));
    rooms.save();
    rooms.leave('lobby');
    expect(rooms.received('lobby', chat('2'))).toBe(false);
    expect(new Rooms('ann', browser, tab).all()).toEqual([]);
    expect(joined(browser, tab).get('lobby')?.lines).toEqual([]);
  });
});

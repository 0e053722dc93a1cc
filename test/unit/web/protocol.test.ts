import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accountOf,
  decodeAbout,
  decodeMessage,
  directId,
  encodeMessage,
  isRoomId,
  MAX_TEXT,
  memberTopic,
  messagesTopic,
  parseRoomTopic,
  roomIdFrom,
} from '../../../web/protocol.js';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('room IDs', () => {
  it.each(['a', 'lobby', 'A-b_9', 'x'.repeat(64)])('takes %s', (id) => expect(isRoomId(id)).toBe(true));

  it.each(['', 'a b', 'a/b', '#', '+', 'a.b', 'ä', '$SYS', 'a,b', 'a\n', 'x'.repeat(65)])(
    'refuses %j',
    (id) => expect(isRoomId(id)).toBe(false),
  );

  it.each([
    [' lobby ', 'lobby'],
    ['http://localhost:8080/#room=Ab-9_x', 'Ab-9_x'],
    ['#room=lobby', 'lobby'],
    ['http://localhost:8080/#room=a/b', undefined],
    ['http://localhost:8080/', undefined],
    ['#', undefined],
  ])('finds in %j the room %j', (typed, id) => expect(roomIdFrom(typed)).toBe(id));
});

describe('topics', () => {
  it('knows the messages, the description and the members of a room, and nothing else', () => {
    expect(parseRoomTopic('chat/lobby/messages')).toEqual({ room: 'lobby', kind: 'messages' });
    expect(parseRoomTopic('chat/lobby/about')).toEqual({ room: 'lobby', kind: 'about' });
    expect(parseRoomTopic('chat/lobby/members/ann')).toEqual({
      room: 'lobby',
      kind: 'member',
      account: 'ann',
    });
    expect(parseRoomTopic('chat/lobby/members')).toBeUndefined();
    expect(parseRoomTopic('chat/lobby/members/a/b')).toBeUndefined();
    expect(parseRoomTopic('chat/a/b/messages')).toBeUndefined();
  });
});

describe('conversations with an account', () => {
  it('are no rooms, and go to the inbox', () => {
    expect(roomIdFrom(' @bob ')).toBe('@bob');
    expect(isRoomId('@bob')).toBe(false);
    expect(accountOf('@bob')).toBe('bob');
    expect(accountOf('bob')).toBeUndefined();
    expect(messagesTopic('@bob')).toBe('users/bob/inbox');
    expect(messagesTopic('bob')).toBe('chat/bob/messages');
  });

  it.each(['', '@', 'a/b', 'a.b', '+', '#', 'a b', 'x'.repeat(65)])(
    'cannot be with %j, which is no level of a topic',
    (account) => {
      expect(directId(account)).toBeUndefined();
      expect(memberTopic('lobby', account)).toBeUndefined();
      expect(roomIdFrom(`@${account}`)).toBeUndefined();
    },
  );
});

describe('messages', () => {
  const message = { id: '1', from: 'ann', text: 'hi <b>there</b> 👋', sentAt: '2026-01-01T00:00:00.000Z' };

  it('come back as they were sent', () => {
    expect(decodeMessage(bytes(encodeMessage(message)))).toEqual({ kind: 'chat', message });
  });

  it.each([
    'not JSON',
    '',
    'null',
    '[]',
    '"text"',
    '{"type":"image","id":"1","from":"ann","text":"x","sentAt":"now"}',
    '{"type":"text","id":1,"from":"ann","text":"x","sentAt":"now"}',
    '{"type":"text","id":"","from":"ann","text":"x","sentAt":"now"}',
    '{"type":"text","id":"1","from":{},"text":"x","sentAt":"now"}',
  ])('of another shape are shown as the text they are: %j', (text) => {
    expect(decodeMessage(bytes(text))).toEqual({ kind: 'other', text });
  });

  it('are cut to what a page can show', () => {
    const long = 'x'.repeat(MAX_TEXT + 1);
    expect(decodeMessage(bytes(encodeMessage({ ...message, text: long })))).toMatchObject({
      message: { text: long.slice(1) },
    });
    expect(decodeMessage(bytes(long))).toEqual({ kind: 'other', text: long.slice(1) });
  });

  it('never throw, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (body) => ['chat', 'other'].includes(decodeMessage(body).kind)));
    fc.assert(fc.property(fc.json(), (body) => ['chat', 'other'].includes(decodeMessage(bytes(body)).kind)));
  });
});

describe('room descriptions', () => {
  const about = { id: 'lobby', name: 'Lobby', createdBy: 'ann', createdAt: '2026-01-01T00:00:00.000Z' };

  it('are taken for their own room only', () => {
    expect(decodeAbout(bytes(JSON.stringify(about)), 'lobby')).toEqual(about);
    expect(decodeAbout(bytes(JSON.stringify(about)), 'other')).toBeUndefined();
    expect(decodeAbout(bytes(''), 'lobby')).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { parseAbout, roomOfTopic } from '../../../bridge/rooms/about.js';
import { parseHistoryMessage } from '../../../bridge/rooms/history-message.js';

const ABOUT = { id: 'lobby', name: 'Lobby', createdBy: 'ann', createdAt: '2026-01-01T00:00:00.000Z' };
const SAID = { type: 'text', id: '1', from: 'ann', text: 'hi', sentAt: '2026-01-01T00:00:00.000Z' };

describe('the description of a room', () => {
  it('is taken as text or bytes, without what does not belong to it', () => {
    const body = JSON.stringify({ ...ABOUT, admin: true });
    expect(parseAbout(body)).toEqual(ABOUT);
    expect(parseAbout(Buffer.from(body))).toEqual(ABOUT);
  });

  it.each([
    ['nothing', ''],
    ['a number', '5'],
    ['null', 'null'],
    ['no JSON', '{'],
    ['a room that cannot be', JSON.stringify({ ...ABOUT, id: 'a/b' })],
    ['a long name', JSON.stringify({ ...ABOUT, name: 'x'.repeat(61) })],
    ['a name with a control', JSON.stringify({ ...ABOUT, name: 'a\nb' })],
    ['no time', JSON.stringify({ ...ABOUT, createdAt: 'then' })],
    ['something huge', JSON.stringify({ ...ABOUT, more: 'x'.repeat(3_000) })],
  ])('is not %s', (_what, body) => expect(parseAbout(body)).toBeUndefined());

  it('has a topic of its own', () => {
    expect(roomOfTopic('chat/lobby/about')).toBe('lobby');
    expect(roomOfTopic('chat/lobby/messages')).toBeUndefined();
    expect(roomOfTopic('chat/a/b/about')).toBeUndefined();
  });
});

describe('a message from before', () => {
  it('is what was said, cut to what a page shows', () => {
    expect(parseHistoryMessage(JSON.stringify({ ...SAID, more: 1 }))).toEqual(SAID);
    const long = parseHistoryMessage(Buffer.from(JSON.stringify({ ...SAID, text: 'x'.repeat(9_000) })));
    expect(long?.text).toHaveLength(8_000);
  });

  it.each(['', 'null', '[]', 'no JSON', '{"type":"text"}', JSON.stringify({ ...SAID, id: '' })])(
    'is not %j',
    (body) => expect(parseHistoryMessage(body)).toBeUndefined(),
  );
});

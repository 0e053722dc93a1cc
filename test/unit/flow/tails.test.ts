import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Tails } from '../../../bridge/flow/tails.js';
import type { Message } from '../../../bridge/message/message.js';

const chat = (name: string, body: Message['body']): Message => ({
  address: { kind: 'mqtt', name },
  body,
  properties: new Map(),
  persistent: true,
  retained: false,
});

describe('tails', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('keep nothing of a route that nobody watches', () => {
    const tails = new Tails();
    tails.note('a', chat('chat/lobby', 'before'));
    expect(tails.read('a')).toEqual({ messages: [], seen: 0 });
    tails.note('b', chat('chat/lobby', 'elsewhere'));
    tails.note('a', chat('chat/lobby', 'hi'));
    expect(tails.read('a')).toEqual({
      messages: [{ number: 1, at: expect.any(String), address: 'mqtt chat/lobby', bytes: 2, text: 'hi' }],
      seen: 1,
    });
  });

  it('end when nobody has asked for a while, and go on while somebody does', () => {
    const tails = new Tails();
    tails.read('a');
    tails.note('a', chat('x', 'one'));
    vi.advanceTimersByTime(9_000);
    expect(tails.read('a')?.seen).toBe(1);
    vi.advanceTimersByTime(9_000);
    expect(tails.read('a')?.seen).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(tails.read('a')?.seen).toBe(0);
  });

  it('are bounded in messages, bytes, names and routes', () => {
    const tails = new Tails();
    tails.read('a');
    for (let n = 0; n < 200; n++) tails.note('a', chat('x'.repeat(5_000), `${n} ${'é'.repeat(5_000)}`));
    const tail = tails.read('a');
    expect(tail?.seen).toBe(200);
    expect(tail?.messages).toHaveLength(50);
    const last = tail?.messages.at(-1);
    expect(last?.number).toBe(200);
    expect(last?.bytes).toBe(10_004);
    expect(last?.text).toBe(`199 ${'é'.repeat(510)}`);
    expect(last?.address).toHaveLength('mqtt '.length + 300);

    for (let n = 0; n < 7; n++) expect(tails.read(`r${n}`)).toBeDefined();
    expect(tails.read('one too many')).toBeUndefined();
  });

  it('show what is no text as far as it is', () => {
    const tails = new Tails();
    tails.read('a');
    tails.note('a', chat('x', Buffer.from([0x61, 0xff, 0x62])));
    tails.note('a', chat('x', { unsupported: 'a map', bytes: Buffer.from('{}') }));
    expect(tails.read('a')?.messages.map(({ text }) => text)).toEqual(['a\ufffdb', '{}']);
  });
});

import { describe, expect, it } from 'vitest';
import { flavourOf } from '../../../../bridge/connectors/flavours/flavour.js';
import { decodeMessage } from '../../../../bridge/connectors/stomp/headers.js';

const { stomp } = flavourOf('activemq');
if (stomp === undefined) throw new Error('Classic speaks STOMP');

const pattern = { kind: 'queue', levels: [{ literal: 'orders' }] } as const;
const ttlOf = (expires: string | undefined, waited: number) =>
  decodeMessage(
    { headers: expires === undefined ? {} : { expires }, body: Buffer.alloc(0) },
    pattern,
    stomp,
    waited,
  ).ttl;
const inSeconds = (seconds: number) => String(Date.now() + seconds * 1_000);

describe('the time to live of a received STOMP message', () => {
  it.each([
    ['in five seconds', inSeconds(5), 0, 5],
    ['while it waited for credit', inSeconds(-1), 10_000, 0],
    ['before it came, by this clock', inSeconds(-60), 1_000, undefined],
    ['never', '0', 0, undefined],
    ['never, unsaid', undefined, 0, undefined],
    ['nonsense', 'soon', 0, undefined],
  ])('that expires %s', (_what, expires, waited, seconds) => {
    const ttl = ttlOf(expires, waited);
    expect(ttl === undefined ? undefined : Math.round(ttl / 1_000)).toBe(seconds);
  });
});

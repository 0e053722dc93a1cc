import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EchoLedger, type EchoLedgerOptions, EchoReader } from '../../../bridge/flow/echo-ledger.js';
import { hopsOf } from '../../../bridge/message/hops.js';
import type { Message, OutboundMessage } from '../../../bridge/message/message.js';

const ROOM = 'chat/lobby';

function outbound(body: string | Buffer, hops: number, name = ROOM): OutboundMessage {
  return {
    to: { kind: 'mqtt', name },
    body,
    properties: new Map([['bridge_hops', hops]]),
    persistent: true,
    timestamp: 0,
    id: 'ID:1',
    qos: 1,
    retain: false,
  };
}

function taken(body: string | Buffer, name = ROOM, kind: 'mqtt' | 'topic' = 'mqtt'): Message {
  const properties = new Map<string, string>();
  return { address: { kind, name }, body, properties, persistent: true, retained: false };
}

/** A ledger of a bridge whose route `say` sends first to where `one` and `two` read, then to where nobody does. */
function ledger(options: EchoLedgerOptions = {}) {
  const echoes = new EchoLedger(options);
  echoes.follow(new Map([['say', [['one', 'two'], []]]]));
  return {
    echoes,
    say: echoes.notesOf('say'),
    one: new EchoReader(echoes, 'one'),
    two: new EchoReader(echoes, 'two'),
  };
}

const hopsIn = (reader: EchoReader, message: Message) => hopsOf(reader.mark(message).properties);

describe('a ledger of what the bridge itself sent', () => {
  it('counts as many of equal messages as the bridge’s own as it sent, and lets all of them pass', () => {
    const { say, one } = ledger();
    say.sent(0, outbound('ok', 3));
    expect([1, 2].map(() => hopsIn(one, taken('ok')))).toEqual([3, 0]);
    for (const hops of [1, 1, 4]) say.sent(0, outbound('ok', hops));
    expect([1, 2, 3, 4].map(() => hopsIn(one, taken('ok')))).toEqual([1, 1, 4, 0]);
  });

  it('takes what somebody says elsewhere or otherwise for nothing of its own', () => {
    const { say, one } = ledger();
    say.sent(0, outbound('ok', 3));
    expect(hopsIn(one, taken('ok', 'chat/kitchen'))).toBe(0);
    expect(hopsIn(one, taken('OK'))).toBe(0);
    expect(hopsIn(one, taken(Buffer.from('ok')))).toBe(3);
  });

  it('knows an MQTT topic that comes back as the JMS topic that it is', () => {
    const { say, one } = ledger();
    say.sent(0, outbound('ok', 3, 'chat/lobby/messages'));
    expect(hopsIn(one, taken('ok', 'chat.lobby.messages', 'topic'))).toBe(3);
  });

  it('counts for each session on its own: each gets a copy', () => {
    const { say, one, two } = ledger();
    say.sent(0, outbound('ok', 3));
    expect([two, one, one].map((reader) => hopsIn(reader, taken('ok')))).toEqual([3, 3, 0]);
  });

  it('notes nothing for a destination that no session reads, or of a rule that it does not know', () => {
    const { echoes, say } = ledger();
    say.sent(1, outbound('ok', 3));
    echoes.notesOf('other').sent(0, outbound('ok', 3));
    expect(echoes.size).toBe(0);
  });

  it('forgets what the broker did not take', () => {
    const { echoes, say, one, two } = ledger();
    say.sent(0, outbound('ok', 1));
    say.sent(0, outbound('ok', 2));
    say.refused(0, outbound('ok', 1));
    for (const reader of [one, two]) expect([1, 2].map(() => hopsIn(reader, taken('ok')))).toEqual([2, 0]);
    say.refused(0, outbound('ok', 2));
    expect(echoes.size).toBe(0);
  });

  it('expects again what a lost source had not settled, and only that', () => {
    const { say, one } = ledger();
    for (const text of ['a', 'b']) say.sent(0, outbound(text, 3));
    const settled = one.mark(taken('a'));
    const unsettled = one.mark(taken('b'));
    one.settled(settled);
    one.lost();
    one.settled(unsettled);
    one.lost();
    expect(['a', 'b', 'b'].map((text) => hopsIn(one, taken(text)))).toEqual([0, 3, 0]);
  });

  it('never makes a count of hops smaller that a message brings along', () => {
    const { say, one } = ledger();
    say.sent(0, outbound('ok', 3));
    const message = { ...taken('ok'), properties: new Map([['bridge_hops', '5']]) };
    expect(hopsIn(one, message)).toBe(5);
  });

  it('keeps its notes when the rules change, and uses them for the rules that there are', () => {
    const { echoes, say, one, two } = ledger();
    say.sent(0, outbound('ok', 3));
    echoes.follow(new Map([['say', [['one']]]]));
    expect([one, two].map((reader) => hopsIn(reader, taken('ok')))).toEqual([3, 0]);
  });

  it('expects nothing back after its time', () => {
    let now = 0;
    const { echoes, say, one } = ledger({ age: 100, now: () => now });
    say.sent(0, outbound('late', 3));
    say.sent(0, outbound('just in time', 3));
    now = 100;
    expect(hopsIn(one, taken('just in time'))).toBe(3);
    now = 101;
    expect(hopsIn(one, taken('late'))).toBe(0);
    say.sent(0, outbound('new', 1));
    expect(echoes.size).toBe(2);
  });

  it('holds as many notes as it may, and the oldest give way', () => {
    const { echoes, say, one } = ledger({ limit: 10 });
    for (let n = 0; n < 1_000; n++) say.sent(0, outbound(`line ${n}`, 1));
    expect(echoes.size).toBe(10);
    expect(hopsIn(one, taken('line 999'))).toBe(1);
    expect(hopsIn(one, taken('line 0'))).toBe(0);
  });

  it('does as a list of all that was sent would do', () => {
    const step = fc.record({
      what: fc.constantFrom('sent' as const, 'refused' as const, 'back' as const),
      body: fc.constantFrom('ok', 'no', 'well'),
      hops: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { say, one } = ledger();
        const list: string[] = [];
        const strike = (line: string) => list.splice(list.indexOf(line), list.includes(line) ? 1 : 0);
        for (const { what, body, hops } of steps) {
          if (what !== 'back') {
            say[what](0, outbound(body, hops));
            if (what === 'sent') list.push(`${body} ${hops}`);
            else strike(`${body} ${hops}`);
            continue;
          }
          const found = hopsIn(one, taken(body));
          expect(list.includes(`${body} ${found}`)).toBe(list.some((line) => line.startsWith(body)));
          strike(`${body} ${found}`);
        }
      }),
    );
  });
});

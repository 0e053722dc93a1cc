import { describe, expect, it, vi } from 'vitest';
import type { Sink } from '../../../bridge/connectors/connector.js';
import { BridgeError, type ErrorCode } from '../../../bridge/errors.js';
import { Lane } from '../../../bridge/flow/lane.js';
import type { OutboundMessage } from '../../../bridge/message/message.js';
import { outbound } from '../../contract/suite.js';
import { eventually } from '../../support/eventually.js';

/** The order key of all. */
const KEY = 'room';

describe('a lane', () => {
  it('sends again in the first order what a lost connection left unconfirmed, before anything newer', async () => {
    const lane = newLane();
    const first = new ScriptedSink();
    lane.open(first);
    const sent = ['a', 'b', 'c'].map((text) => lane.send(message(text), KEY));
    first.answer('a');
    lane.lose();
    first.failAll('connection-lost');
    sent.push(lane.send(message('d'), KEY));
    const second = new ScriptedSink();
    lane.open(second);
    await eventually(() => second.texts.length === 3);
    expect(second.texts).toEqual(['b', 'c', 'd']);
    for (const text of ['b', 'c', 'd']) second.answer(text);
    await Promise.all(sent);
  });

  it('sends one at a time after a batch was refused, so that only the culprit is refused', async () => {
    const lane = newLane();
    const first = new ScriptedSink();
    lane.open(first);
    const outcomes = ['good', 'bad', 'also good'].map((text) =>
      lane.send(message(text), KEY).then(
        () => 'confirmed',
        (error: BridgeError) => error.code,
      ),
    );
    lane.lose();
    first.failAll('batch-refused');
    const second = new ScriptedSink();
    lane.open(second);
    await eventually(() => second.texts.length === 1);
    expect(second.texts).toEqual(['good']);
    second.answer('good');
    await eventually(() => second.texts.length === 2);
    second.fail('bad', 'destination-refused');
    await eventually(() => second.texts.length === 3);
    second.answer('also good');
    expect(await Promise.all(outcomes)).toEqual(['confirmed', 'destination-refused', 'confirmed']);
  });

  it('sends one at a time once there was no room, so that no later message takes the room that comes back', async () => {
    const lane = newLane();
    const sink = new ScriptedSink();
    lane.open(sink);
    const sent = ['a', 'b'].map((text) => lane.send(message(text), KEY));
    for (const text of ['a', 'b']) sink.fail(text, 'destination-full');
    await new Promise((resolve) => setImmediate(resolve));
    sent.push(lane.send(message('c'), KEY));
    for (const text of ['a', 'b', 'c']) {
      await eventually(() => sink.texts.at(-1) === text);
      sink.answer(text);
    }
    await Promise.all(sent);
    expect(sink.texts).toEqual(['a', 'b', 'a', 'b', 'c']);
  });

  it('refuses for good the one message over which its connection ends again and again', async () => {
    const lane = newLane();
    const outcomes = ['good', 'bad', 'also good'].map((text) =>
      lane.send(message(text), KEY).then(
        () => `${text} confirmed`,
        ({ code }: BridgeError) => `${text} ${code}`,
      ),
    );
    let connections = 0;
    const connect = () => {
      connections++;
      lane.open(
        new HangingUpSink('bad', () => {
          lane.lose();
          setImmediate(connect);
        }),
      );
    };
    connect();
    expect(await Promise.all(outcomes)).toEqual([
      'good confirmed',
      'bad message-refused',
      'also good confirmed',
    ]);
    expect(connections).toBeLessThan(10);
  });

  it('holds nothing against a message whose connection it asked to end itself', async () => {
    let replaced = 0;
    const lane = newLane(() => {
      replaced++;
    });
    const sent = lane.send(message('slow'), KEY);
    for (let attempt = 1; attempt <= 10; attempt++) {
      const sink = new ScriptedSink();
      lane.open(sink);
      await eventually(() => sink.texts.includes('slow'));
      lane.send(message(`behind ${attempt}`), KEY).catch(() => {});
      sink.fail('slow', 'send-timeout');
      await eventually(() => replaced === attempt);
      sink.failAll('connection-lost');
      lane.lose();
    }
    const answering = new ScriptedSink();
    lane.open(answering);
    await eventually(() => answering.texts.includes('slow'));
    answering.answer('slow');
    await sent;
    lane.close();
  });

  it('asks for a new connection when a send got no answer', async () => {
    let replaced = 0;
    const lane = newLane(() => {
      replaced++;
    });
    const sink = new ScriptedSink();
    lane.open(sink);
    const sent = lane.send(message('a'), KEY);
    sink.fail('a', 'send-timeout');
    await eventually(() => replaced === 1);
    lane.lose();
    const next = new ScriptedSink();
    lane.open(next);
    await eventually(() => next.texts.length === 1);
    next.answer('a');
    await sent;
    expect(sink.texts).toEqual(['a']);
  });

  it('sends what has a time to live with what is left of it, and what has none left not at all', async () => {
    const lane = newLane();
    const now = performance.now();
    const over = lane.send(message('over'), KEY, { expires: now - 1 });
    const sent = [
      lane.send({ ...message('shorter'), ttl: 90_000 }, KEY, { expires: now + 60_000 }),
      lane.send({ ...message('longer'), ttl: 30_000 }, KEY, { expires: now + 60_000 }),
      lane.send({ ...message('its own'), ttl: 30_000 }, KEY),
    ];
    const sink = new ScriptedSink();
    lane.open(sink);
    await expect(over).rejects.toMatchObject({ code: 'expired', transient: false });
    for (const text of sink.texts) sink.answer(text);
    await Promise.all(sent);
    expect(sink.texts).toEqual(['shorter', 'longer', 'its own']);
    expect(sink.ttls[0]).toBeGreaterThan(30_000);
    expect(sink.ttls[0]).toBeLessThanOrEqual(60_000);
    expect(sink.ttls.slice(1)).toEqual([30_000, 30_000]);
  });

  it('tells who sent a message each time it is sent again, and why', async () => {
    const lane = newLane();
    const sink = new ScriptedSink();
    lane.open(sink);
    const reasons: string[] = [];
    const sent = lane.send(message('a'), KEY, { onRetry: ({ code }) => reasons.push(code) });
    sink.fail('a', 'destination-full');
    await eventually(() => sink.texts.length === 2);
    sink.answer('a');
    await sent;
    expect(reasons).toEqual(['destination-full']);
  });

  it('refuses what is left when it is closed', async () => {
    const lane = newLane();
    const waiting = lane.send(message('never sent'), KEY);
    lane.close();
    await expect(waiting).rejects.toMatchObject({ code: 'connection-lost' });
    await expect(lane.send(message('too late'), KEY)).rejects.toMatchObject({ code: 'connection-lost' });
  });
});

describe('what a lane tells of itself', () => {
  const state = (lane: Lane) => ({ load: lane.load, holds: lane.holds(KEY), isFlowing: lane.isFlowing });
  const HOLDS = { load: 1, holds: true };
  const FREE = { load: 0, holds: false, isFlowing: true };

  it('holds a key from the sending until the confirm', async () => {
    const { lane, sink } = openLane();
    const sent = [lane.send(message('a'), KEY), lane.send(message('b'), KEY)];
    sink.answer('a');
    await sent[0];
    expect(state(lane)).toEqual({ ...HOLDS, isFlowing: true });
    sink.answer('b');
    await sent[1];
    expect(state(lane)).toEqual(FREE);
  });

  it('holds it no longer when the message is refused, or was too late', async () => {
    const { lane, sink } = openLane();
    const refused = lane.send(message('a'), KEY);
    sink.fail('a', 'message-refused');
    await expect(refused).rejects.toMatchObject({ code: 'message-refused' });
    expect(state(lane)).toEqual(FREE);
    await expect(lane.send(message('b'), KEY, { expires: 0 })).rejects.toMatchObject({ code: 'expired' });
    expect(state(lane)).toEqual(FREE);
  });

  it('holds it, and does not flow, while a message has to be sent again', async () => {
    const { lane, sink: first } = openLane();
    const sent = lane.send(message('a'), KEY);
    lane.lose();
    expect(state(lane)).toEqual({ ...HOLDS, isFlowing: false });
    first.failAll('connection-lost');
    const second = new ScriptedSink();
    lane.open(second);
    expect(state(lane)).toEqual({ ...HOLDS, isFlowing: false });
    await eventually(() => second.texts.length === 1);
    second.answer('a');
    await sent;
    expect(state(lane)).toEqual(FREE);
  });

  it('does not flow while no confirm has come for a second', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const { lane, sink } = openLane();
      const sent = lane.send(message('a'), KEY);
      vi.advanceTimersByTime(999);
      expect(lane.isFlowing).toBe(true);
      vi.advanceTimersByTime(1);
      expect(lane.isFlowing).toBe(false);
      sink.answer('a');
      await sent;
      expect(lane.isFlowing).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('does not flow while messages go one at a time', async () => {
    const { lane, sink } = openLane();
    const sent = lane.send(message('a'), KEY);
    sink.fail('a', 'batch-refused');
    await eventually(() => sink.texts.length === 2);
    expect(state(lane)).toEqual({ ...HOLDS, isFlowing: false });
    sink.answer('a');
    await sent;
  });

  it('holds nothing after it is closed and its sink has answered', async () => {
    const lane = newLane();
    const waiting = lane.send(message('waiting'), KEY);
    lane.close();
    await expect(waiting).rejects.toMatchObject({ code: 'connection-lost' });
    expect(lane.holds(KEY)).toBe(false);

    const { lane: other, sink } = openLane();
    const handed = other.send(message('handed over'), KEY);
    other.close();
    sink.failAll('connection-lost');
    await expect(handed).rejects.toMatchObject({ code: 'connection-lost' });
    expect(state(other)).toMatchObject({ load: 0, holds: false });
  });
});

/** A sink whose answers the test gives, by body. */
class ScriptedSink implements Sink {
  readonly texts: string[] = [];
  readonly ttls: (number | undefined)[] = [];
  readonly #open = new Map<string, { resolve: () => void; reject: (error: BridgeError) => void }>();

  send({ body, ttl }: OutboundMessage): Promise<void> {
    this.texts.push(String(body));
    this.ttls.push(ttl);
    return new Promise((resolve, reject) => {
      this.#open.set(String(body), { resolve, reject });
    });
  }

  answer(text: string): void {
    this.#open.get(text)?.resolve();
    this.#open.delete(text);
  }

  fail(text: string, code: ErrorCode): void {
    this.#open.get(text)?.reject(new BridgeError(code, 'as the test says'));
    this.#open.delete(text);
  }

  failAll(code: ErrorCode): void {
    for (const text of [...this.#open.keys()]) this.fail(text, code);
  }
}

/** Of a broker that says no to one body by ending the connection, whatever else has no answer yet. */
class HangingUpSink implements Sink {
  #turn: { readonly text: string; settle(error?: BridgeError): void }[] = [];

  constructor(
    readonly bad: string,
    readonly hangUp: () => void,
  ) {}

  send({ body }: OutboundMessage): Promise<void> {
    if (this.#turn.length === 0) setImmediate(() => this.#answer());
    return new Promise((resolve, reject) => {
      const settle = (error?: BridgeError) => (error === undefined ? resolve() : reject(error));
      this.#turn.push({ text: String(body), settle });
    });
  }

  #answer(): void {
    const turn = this.#turn;
    this.#turn = [];
    const hangsUp = turn.some(({ text }) => text === this.bad);
    for (const { settle } of turn)
      settle(hangsUp ? new BridgeError('connection-lost', 'it hung up') : undefined);
    if (hangsUp) this.hangUp();
  }
}

function openLane(): { lane: Lane; sink: ScriptedSink } {
  const lane = newLane();
  const sink = new ScriptedSink();
  lane.open(sink);
  return { lane, sink };
}

function newLane(replaceConnection: () => void = () => {}): Lane {
  return new Lane({
    retry: { initial: 1, max: 4, attempts: 1 },
    atMostOnce: false,
    replaceConnection,
  });
}

function message(text: string): OutboundMessage {
  return outbound({ kind: 'queue', name: 'lane' }, text);
}

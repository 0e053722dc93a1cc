import { afterEach, describe, expect, it, vi } from 'vitest';
import { activemq } from '../../../../bridge/connectors/flavours/activemq.js';
import { StompSink } from '../../../../bridge/connectors/stomp/sink.js';
import type { OutboundMessage } from '../../../../bridge/message/message.js';

const message: OutboundMessage = {
  to: { kind: 'queue', name: 'q' },
  body: 'hi',
  properties: new Map(),
  persistent: true,
  id: 'ID:1',
  timestamp: 0,
  qos: 1,
  retain: false,
};

/** A sink, the frames that it has written, and the broker's answers, given by hand in the order of their requests. */
function sinkUnderTest({ sendTimeout = 10_000, window = 4 } = {}) {
  const { stomp: flavour } = activemq;
  if (flavour === undefined) throw new Error('ActiveMQ Classic speaks STOMP');
  const endpoint = {
    broker: 'b',
    brokerType: 'activemq',
    protocol: 'stomp',
    host: 'nowhere',
    port: 0,
    clientId: 'c',
    cleanSession: true,
    connectTimeout: 1_000,
    idleTimeout: 1_000,
  } as const;
  const written: string[] = [];
  const receipts: (() => void)[] = [];
  const batches: number[] = [];
  const sink = new StompSink(
    {
      endpoint,
      flavour,
      write: (bytes) => {
        for (const frame of bytes.toString('utf8').split('\0').slice(0, -1)) written.push(frame);
      },
      receipt: (done) => `r${receipts.push(done)}`,
      takeOver: () => 'ack-1',
    },
    { sendTimeout, window, onBatch: (messages) => batches.push(messages) },
  );
  return {
    sink,
    batches,
    commands: () => written.map((frame) => frame.split('\n')[0]),
    confirm: () => receipts.shift()?.(),
    frame: (command: string) => written.find((frame) => frame.startsWith(command)),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a STOMP sink', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives up a send without an answer in its time, also when the system clock is set back meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const sent = sinkUnderTest({ sendTimeout: 200, window: 1 }).sink.send(message);
    setImmediate(() => vi.setSystemTime(Date.now() - 3_600_000));
    await expect(sent).rejects.toMatchObject({ code: 'send-timeout' });
  });

  it('writes the next transaction ahead and commits it only after the receipt of the one before', async () => {
    const { sink, commands, confirm } = sinkUnderTest();
    const sends = Array.from({ length: 4 }, () => sink.send(message));
    await turn();
    expect(commands()).toEqual(['BEGIN', 'SEND', 'SEND', 'COMMIT', 'BEGIN', 'SEND', 'SEND']);
    confirm();
    expect(commands().at(-1)).toBe('COMMIT');
    expect(commands().filter((command) => command === 'COMMIT')).toHaveLength(2);
    confirm();
    await Promise.all(sends);
  });

  it('tells how many messages each confirm was for, once the broker has given it', async () => {
    const { sink, batches, confirm } = sinkUnderTest({ window: 10 });
    const sends = Array.from({ length: 3 }, () => sink.send(message));
    await turn();
    expect(batches).toEqual([]);
    confirm();
    await Promise.all(sends);
    const lone = sink.send(message);
    await turn();
    confirm();
    await lone;
    expect(batches).toEqual([3, 1]);
  });

  it('lets a lone message wait for the transaction before it, since that may be refused', async () => {
    const { sink, commands, confirm } = sinkUnderTest();
    const sends = [sink.send(message), sink.send(message)];
    await turn();
    sends.push(sink.send(message));
    await turn();
    expect(commands()).toEqual(['BEGIN', 'SEND', 'SEND', 'COMMIT', 'BEGIN', 'SEND']);
    confirm();
    confirm();
    await Promise.all(sends);
    expect(commands().at(-1)).toBe('COMMIT');
  });

  it('sends a lone message at once and without a transaction', async () => {
    const { sink, commands, confirm } = sinkUnderTest();
    const sent = sink.send(message);
    await turn();
    expect(commands()).toEqual(['SEND']);
    confirm();
    await sent;
  });

  it('acknowledges a delivery in the transaction of what is sent for it', async () => {
    const { sink, commands, confirm, frame } = sinkUnderTest();
    const delivery = { message: { ...message, address: message.to, retained: false }, redelivered: false };
    const transaction = sink.transaction({ ...delivery, settle: () => {} });
    transaction.add(message);
    transaction.add(message);
    const committed = transaction.commit();
    await turn();
    expect(commands()).toEqual(['BEGIN', 'SEND', 'SEND', 'ACK', 'COMMIT']);
    expect(frame('ACK')).toContain('id:ack-1\ntransaction:t1');
    confirm();
    await committed;
  });

  it('leaves out of a transaction what cannot be sent', async () => {
    const { sink, commands, confirm } = sinkUnderTest();
    const delivery = { message: { ...message, address: message.to, retained: false }, redelivered: false };
    const transaction = sink.transaction({ ...delivery, settle: () => {} });
    expect(() => transaction.add({ ...message, to: { kind: 'queue', name: '' } })).toThrow(/needs a name/);
    transaction.add(message);
    const committed = transaction.commit();
    await turn();
    expect(commands()).toEqual(['BEGIN', 'SEND', 'ACK', 'COMMIT']);
    confirm();
    await committed;
  });
});

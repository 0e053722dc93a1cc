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

/** A sink whose broker has every receipt ready, and never gives one. */
function silentSink(sendTimeout: number): StompSink {
  if (activemq.stomp === undefined) throw new Error('ActiveMQ Classic speaks STOMP');
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
  return new StompSink(
    { endpoint, flavour: activemq.stomp, write: () => {}, receipt: () => 'r1' },
    { sendTimeout, window: 1 },
  );
}

describe('a STOMP sink', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives up a send without an answer in its time, also when the system clock is set back meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const sent = silentSink(200).send(message);
    setImmediate(() => vi.setSystemTime(Date.now() - 3_600_000));
    await expect(sent).rejects.toMatchObject({ code: 'send-timeout' });
  });
});

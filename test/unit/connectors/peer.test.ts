import { describe, expect, it } from 'vitest';
import { peerName, peerOfServerHeader } from '../../../bridge/connectors/peer.js';

describe('what a broker says it is', () => {
  it.each([
    ['ActiveMQ', '6.1.8', 'ActiveMQ 6.1.8'],
    ['ActiveMQ', undefined, 'ActiveMQ'],
    [undefined, '6.1.8', undefined],
    [7, {}, undefined],
    ['a\n{"level":"info"}\u001b[2J', 'b\0', 'a {"level":"info"} [2J b'],
  ])('over AMQP: product %j, version %j', (product, version, expected) => {
    expect(peerName(product, version)).toBe(expected);
  });

  it.each([
    ['ActiveMQ/6.1.8', 'ActiveMQ 6.1.8'],
    ['ActiveMQ-Artemis/2.40.0 ActiveMQ Artemis Messaging Engine', 'ActiveMQ-Artemis 2.40.0'],
    ['', undefined],
    [undefined, undefined],
  ])('in the server header of STOMP: %j', (header, expected) => {
    expect(peerOfServerHeader(header)).toBe(expected);
  });

  it('in 80 characters at most', () => {
    expect(peerName('x'.repeat(1_000), 'y'.repeat(1_000))).toHaveLength(80);
  });
});

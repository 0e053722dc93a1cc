import { describe, expect, it } from 'vitest';
import { RouteRecord } from '../../../bridge/flow/route-record.js';
import { isReady, isStandingBy, reasonsOf } from '../../../bridge/http/reasons.js';
import type { BridgeStatus, ConnectionStatus } from '../../../bridge/status.js';

const lockConnection = (state: ConnectionStatus['state']): ConnectionStatus => ({
  name: 'lock on mq',
  broker: 'mq',
  protocol: 'amqp',
  state,
  since: '2026-01-01T00:00:00.000Z',
  attempts: 1,
  reconnects: 0,
  ...(state === 'up' ? {} : { reason: { code: 'connection-failed', message: 'nobody answers' } as const }),
});

const standingBy = (state: ConnectionStatus['state']): BridgeStatus => ({
  ready: false,
  state: 'standby',
  startedAt: '2026-01-01T00:00:00.000Z',
  connections: [lockConnection(state)],
  routes: [{ name: 'rooms', state: 'waiting', ...new RouteRecord().status() }],
});

describe('a bridge that stands by', () => {
  it('is not ready, and could begin', () => {
    const status = standingBy('up');
    expect(isReady(status)).toBe(false);
    expect(isStandingBy(status)).toBe(true);
  });

  it('says so, and nothing of routes that are not to run', () => {
    expect(reasonsOf(standingBy('up'))).toEqual([expect.stringContaining('stands by')]);
  });

  it('could not begin without its lock, and says why', () => {
    const status = standingBy('waiting');
    expect(isStandingBy(status)).toBe(false);
    expect(reasonsOf(status)).toEqual([
      expect.stringContaining('stands by'),
      'broker mq, AMQP (lock on mq): nobody answers [connection-failed]',
    ]);
  });
});

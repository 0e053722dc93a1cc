import { describe, expect, it } from 'vitest';
import { readPorts } from '../../../bridge/launch/settings.js';
import { summaryLines } from '../../../bridge/launch/summary.js';

const ports = readPorts({});
const accounts = [
  { username: 'ann', password: 'try-ann' },
  { username: 'bob', password: 'try-bob' },
];

describe('summaryLines', () => {
  it('says where everything is, who may log in, and how to stop', () => {
    expect(summaryLines({ ports, closed: [], accounts, broker: 'ours', adminToken: 'c0ffee' })).toEqual([
      '',
      '  Chat page    http://localhost:8080/',
      '  Dashboard    http://localhost:8080/dashboard#token=c0ffee',
      '  Health       http://localhost:8080/health',
      '  Broker       localhost: MQTT 1883, WebSocket 61614, STOMP 61613, AMQP 5672, OpenWire 61616',
      '  Accounts     ann / try-ann   bob / try-bob   (account / password, for trying out only)',
      '  To stop      Ctrl-C',
      '',
    ]);
  });

  it('shows of a broker that was there only what it has', () => {
    const lines = summaryLines({
      ports,
      closed: ['amqp', 'ws'],
      accounts: [],
      broker: 'theirs',
      adminToken: undefined,
    });
    expect(lines).toContain('  Broker       localhost: MQTT 1883, STOMP 61613, OpenWire 61616');
    expect(lines.join('\n')).not.toContain('Accounts');
    expect(lines).toContain('  Dashboard    http://localhost:8080/dashboard');
    expect(lines.at(-2)).toBe('  To stop      Ctrl-C (the bridge only: the broker was there before)');
  });
});

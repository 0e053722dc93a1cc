import { ErrorWithReasonCode } from 'mqtt';
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../../bridge/connectors/connector.js';
import { openError } from '../../../../bridge/connectors/mqtt/errors.js';
import { keepAliveSeconds } from '../../../../bridge/connectors/mqtt/keep-alive.js';

const endpoint: Endpoint = {
  broker: 'chat',
  brokerType: 'mqtt',
  protocol: 'mqtt',
  host: 'localhost',
  port: 1883,
  clientId: 'bridge',
  cleanSession: false,
  connectTimeout: 1_000,
  idleTimeout: 30_000,
};

describe('why a connection did not open', () => {
  it.each([
    [4, 'authentication-failed'],
    [5, 'authentication-failed'],
    [3, 'connection-failed'],
  ])('CONNACK %i is %s', (code, expected) => {
    const error = openError(endpoint, new ErrorWithReasonCode('Connection refused: …', code));
    expect(error).toMatchObject({
      code: expected,
      message: expect.stringContaining('"chat" (mqtt localhost:1883)'),
    });
  });

  it.each([0x84, 1])('CONNACK %i over MQTT 5 says to write another version', (code) => {
    const cause = new ErrorWithReasonCode('Connection refused: …', code);
    expect(openError({ ...endpoint, mqttVersion: 5 }, cause)).toMatchObject({
      code: 'wrong-broker',
      message: expect.stringContaining('write mqttVersion: 3.1.1'),
    });
    expect(openError(endpoint, cause)).toMatchObject({ code: 'connection-failed' });
  });

  it('names each address that was tried', () => {
    const cause = new AggregateError([
      new Error('connect ECONNREFUSED ::1:1883'),
      new Error('connect ECONNREFUSED 127.0.0.1:1883'),
    ]);
    expect(openError(endpoint, cause).message).toContain('::1:1883; connect ECONNREFUSED 127.0.0.1:1883');
  });

  it('says so when the broker closed without a CONNACK', () => {
    expect(openError(endpoint, undefined).message).toMatch(/without a CONNACK$/);
    const over5 = openError({ ...endpoint, mqttVersion: 5 }, undefined);
    expect(over5.message).toMatch(/without a CONNACK; if it speaks no MQTT 5, write mqttVersion: 3\.1\.1$/);
  });
});

it.each([
  [30_000, 20],
  [1_500, 1],
  [200, 1],
  [10 ** 9, 65_535],
])('an idle timeout of %i ms is a keep-alive of %i s', (idleTimeout, seconds) => {
  expect(keepAliveSeconds({ ...endpoint, idleTimeout })).toBe(seconds);
});

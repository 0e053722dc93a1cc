import { describe, expect, it } from 'vitest';
import { mayBeBroker, type PortStates, planBroker } from '../../../bridge/launch/plan.js';
import { readPorts } from '../../../bridge/launch/settings.js';

const ports = readPorts({});
const free: PortStates = {
  http: 'free',
  mqtt: 'free',
  ws: 'free',
  stomp: 'free',
  amqp: 'free',
  openwire: 'free',
};
const brokerTaken: PortStates = {
  http: 'free',
  mqtt: 'taken',
  ws: 'taken',
  stomp: 'taken',
  amqp: 'taken',
  openwire: 'taken',
};
const classic = { kind: 'connected', server: 'ActiveMQ/6.1.8' } as const;

describe('planBroker', () => {
  it('starts a broker when every port is free', () => {
    expect(planBroker(ports, free, undefined)).toEqual({ kind: 'start' });
  });

  it('uses an ActiveMQ that takes our login', () => {
    expect(planBroker(ports, brokerTaken, classic)).toEqual({ kind: 'use', version: '6.1.8', closed: [] });
  });

  it('says which listeners an ActiveMQ that was there does not have', () => {
    const plan = planBroker(ports, { ...brokerTaken, ws: 'free' }, classic);
    expect(plan).toEqual({ kind: 'use', version: '6.1.8', closed: ['ws'] });
  });

  it('refuses a taken HTTP port even when the broker can be used', () => {
    expect(planBroker(ports, { ...brokerTaken, http: 'taken' }, classic)).toEqual({
      kind: 'refuse',
      lines: ['HTTP port 8080 is taken; move it with HTTP_PORT=<another port>'],
    });
  });

  it('names every taken port and its setting', () => {
    expect(planBroker(ports, { ...free, amqp: 'taken', http: 'taken' }, undefined)).toEqual({
      kind: 'refuse',
      lines: [
        'HTTP port 8080 is taken; move it with HTTP_PORT=<another port>',
        'AMQP port 5672 is taken; move it with ACTIVEMQ_AMQP_PORT=<another port>',
      ],
    });
  });

  it('tells a port that this user may not open from one that is taken', () => {
    expect(planBroker(readPorts({ HTTP_PORT: '80' }), { ...free, http: 'denied' }, undefined)).toEqual({
      kind: 'refuse',
      lines: ['HTTP port 80 is not open to this user; use HTTP_PORT=<1024 or more>'],
    });
  });

  it.each([
    [
      { kind: 'connected', server: 'ActiveMQ-Artemis/2.40.0' } as const,
      'it calls itself "ActiveMQ-Artemis/2.40.0"',
    ],
    [
      { kind: 'refused', reason: 'User name [x] or password is invalid.' } as const,
      'does not take our login (User',
    ],
    [{ kind: 'silent', reason: 'it does not speak STOMP' } as const, 'it does not speak STOMP'],
  ])('does not use what answers %j, and says what it is', (answer, words) => {
    const plan = planBroker(ports, brokerTaken, answer);
    expect(plan.kind).toBe('refuse');
    expect(plan.kind === 'refuse' && plan.lines.at(-1)).toContain(words);
    expect(plan.kind === 'refuse' && plan.lines).toHaveLength(6);
  });
});

describe('mayBeBroker', () => {
  it('asks who is there only when somebody is on both MQTT and STOMP', () => {
    expect(mayBeBroker(brokerTaken)).toBe(true);
    expect(mayBeBroker({ ...free, mqtt: 'taken', stomp: 'taken' })).toBe(true);
    expect(mayBeBroker({ ...brokerTaken, stomp: 'free' })).toBe(false);
  });
});

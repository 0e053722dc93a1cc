import { describe, expect, it } from 'vitest';
import { mappingEnv, readPorts } from '../../../bridge/launch/settings.js';

describe('readPorts', () => {
  it('gives the usual ports of ActiveMQ when nothing is set, or set to nothing', () => {
    const usual = { http: 8080, mqtt: 1883, ws: 61614, stomp: 61613, amqp: 5672, openwire: 61616 };
    expect(readPorts({})).toEqual(usual);
    expect(readPorts({ HTTP_PORT: '' })).toEqual(usual);
  });

  it('moves each port by its own variable', () => {
    const env = { HTTP_PORT: '1', ACTIVEMQ_MQTT_PORT: '2', ACTIVEMQ_WS_PORT: '3', ACTIVEMQ_STOMP_PORT: '4' };
    expect(readPorts({ ...env, ACTIVEMQ_AMQP_PORT: '5', ACTIVEMQ_OPENWIRE_PORT: '65535' })).toEqual({
      http: 1,
      mqtt: 2,
      ws: 3,
      stomp: 4,
      amqp: 5,
      openwire: 65535,
    });
  });

  it.each(['0', '65536', '-1', '80.5', 'http', '0x50', ' 80'])(
    'refuses %j as a port, naming the variable',
    (text) => {
      expect(() => readPorts({ HTTP_PORT: text })).toThrow(/^HTTP_PORT=.* is not a port; give a number/);
    },
  );

  it('refuses one port for two listeners, naming both variables', () => {
    expect(() => readPorts({ HTTP_PORT: '1883' })).toThrow(
      'HTTP_PORT and ACTIVEMQ_MQTT_PORT are both 1883; give each its own port',
    );
  });

  it('refuses a broker elsewhere and says what is for that', () => {
    expect(() => readPorts({ ACTIVEMQ_HOST: 'mq.example.org' })).toThrow(/for one elsewhere use `run /);
    expect(readPorts({ ACTIVEMQ_HOST: 'localhost' }).mqtt).toBe(1883);
  });
});

describe('mappingEnv', () => {
  it("hands the mapping file the ports and the login, over the user's other variables", () => {
    const login = { username: 'bridge', password: 'pw' };
    const env = mappingEnv(
      { PATH: '/bin', HTTP_PORT: '' },
      readPorts({ ACTIVEMQ_WS_PORT: '9' }),
      login,
      'a token',
    );
    expect(env).toMatchObject({
      PATH: '/bin',
      HTTP_PORT: '8080',
      ACTIVEMQ_WS_PORT: '9',
      ACTIVEMQ_HOST: '127.0.0.1',
      ACTIVEMQ_USERNAME: 'bridge',
      ACTIVEMQ_PASSWORD: 'pw',
      ADMIN_TOKEN: 'a token',
      ADMIN_TAIL: 'true',
    });
  });

  it('keeps everything on this machine, whatever else is set', () => {
    const login = { username: 'bridge', password: 'pw' };
    const env = mappingEnv(
      { HTTP_HOST: '0.0.0.0', ACTIVEMQ_WS_HOST: 'mq.example.org' },
      readPorts({}),
      login,
      '',
    );
    expect(env).toMatchObject({ HTTP_HOST: '127.0.0.1', ACTIVEMQ_WS_HOST: '127.0.0.1' });
  });

  it('lets the user keep messages from being watched', () => {
    const login = { username: 'bridge', password: 'pw' };
    expect(mappingEnv({ ADMIN_TAIL: 'false' }, readPorts({}), login, 'a token').ADMIN_TAIL).toBe('false');
  });
});

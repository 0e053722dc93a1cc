import { describe, expect, it } from 'vitest';
import { composeEnv } from '../../../bridge/launch/docker.js';
import { readPorts } from '../../../bridge/launch/settings.js';

const ports = readPorts({ ACTIVEMQ_MQTT_PORT: '2883' });

describe('what `up` tells the compose file', () => {
  it("has the ports and the user's own environment", () => {
    const env = composeEnv({ ports }, { PATH: '/bin', ACTIVEMQ_MQTT_PORT: '1' }, '501:20');
    expect(env).toMatchObject({ PATH: '/bin', ACTIVEMQ_MQTT_PORT: '2883', HTTP_PORT: '8080' });
  });

  it('keeps the engine from starting the broker again: `up` ends when it ends', () => {
    expect(composeEnv({ ports }, { ACTIVEMQ_RESTART: 'always' }, '501:20').ACTIVEMQ_RESTART).toBe('no');
  });

  it("lets the broker write a folder of the user's as that user, and its own volume as the image's account", () => {
    const own = composeEnv({ ports, dataDir: '/srv/data' }, {}, '501:20');
    expect(own).toMatchObject({ ACTIVEMQ_DATA_DIR: '/srv/data', ACTIVEMQ_DATA_OWNER: '501:20' });
    expect(composeEnv({ ports }, {}, '501:20')).not.toHaveProperty('ACTIVEMQ_DATA_OWNER');
    // A system without user ids.
    expect(composeEnv({ ports, dataDir: 'D:\\data' }, {}, undefined)).not.toHaveProperty(
      'ACTIVEMQ_DATA_OWNER',
    );
  });
});

import { connectMqtt } from '../../bridge/connectors/mqtt/connect.js';
import { startArtemis, startClassic, startMosquitto } from '../support/brokers.js';
import { describeAgainst } from './brokers-under-test.js';
import type { Capabilities } from './suite.js';

const capabilities: Capabilities = {
  kind: 'mqtt',
  properties: 'none',
  bodyTypes: false,
  marksRedelivery: true,
  releasesOne: false,
  passwords: true,
};

describeAgainst('MQTT, ActiveMQ Classic', startClassic, {
  protocol: 'mqtt',
  connect: connectMqtt,
  capabilities,
});
describeAgainst('MQTT, Mosquitto', startMosquitto, { protocol: 'mqtt', connect: connectMqtt, capabilities });
// Artemis hands over again under a new packet id and without DUP (seen with 2.40.0).
describeAgainst('MQTT, ActiveMQ Artemis', startArtemis, {
  protocol: 'mqtt',
  connect: connectMqtt,
  capabilities: { ...capabilities, marksRedelivery: false },
});

const mqtt5 = { ...capabilities, properties: 'strings' } as const;

describeAgainst('MQTT 5, Mosquitto', startMosquitto, {
  protocol: 'mqtt',
  mqttVersion: 5,
  connect: connectMqtt,
  capabilities: { ...mqtt5, lineBreaks: false },
});
describeAgainst('MQTT 5, ActiveMQ Artemis', startArtemis, {
  protocol: 'mqtt',
  mqttVersion: 5,
  connect: connectMqtt,
  capabilities: { ...mqtt5, marksRedelivery: false },
});

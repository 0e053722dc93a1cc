import { connectStomp } from '../../bridge/connectors/stomp/connect.js';
import { startArtemis, startClassic } from '../support/brokers.js';
import { describeAgainst } from './brokers-under-test.js';
import type { Capabilities } from './suite.js';

const capabilities: Capabilities = {
  kind: 'queue',
  properties: 'strings',
  bodyTypes: true,
  marksRedelivery: true,
  releasesOne: false,
  passwords: true,
};

describeAgainst('STOMP, ActiveMQ Classic', startClassic, {
  protocol: 'stomp',
  connect: connectStomp,
  capabilities,
});
// Artemis marks only what it counts as delivered, which is not all that was handed over (seen with 2.40.0).
describeAgainst('STOMP, ActiveMQ Artemis', startArtemis, {
  protocol: 'stomp',
  connect: connectStomp,
  capabilities: { ...capabilities, marksRedelivery: false },
});

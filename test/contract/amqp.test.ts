import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { startArtemis, startClassic } from '../support/brokers.js';
import { describeAgainst } from './brokers-under-test.js';
import type { Capabilities } from './suite.js';

const capabilities: Capabilities = {
  kind: 'queue',
  properties: 'typed',
  bodyTypes: true,
  // Neither broker counts a hand-over whose link closed in good order (seen with Classic 6.1.8, Artemis 2.40.0).
  marksRedelivery: false,
  releasesOne: true,
  passwords: true,
};

describeAgainst('AMQP, ActiveMQ Classic', startClassic, {
  protocol: 'amqp',
  connect: connectAmqp,
  capabilities,
});
describeAgainst('AMQP, ActiveMQ Artemis', startArtemis, {
  protocol: 'amqp',
  connect: connectAmqp,
  capabilities,
});

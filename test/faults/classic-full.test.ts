import { smallQueue } from '../support/brokers/small-queue.js';
import { startClassic } from '../support/brokers.js';
import { describeFaults } from './table.js';

const edit = smallQueue.activemq('out', 300 * 1024);

describeFaults('a bridge on an ActiveMQ Classic that has no room', () => startClassic({ edit }), [
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'stomp' },
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'amqp' },
]);

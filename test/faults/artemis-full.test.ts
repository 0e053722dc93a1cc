import { smallQueue } from '../support/brokers/small-queue.js';
import { startArtemis } from '../support/brokers.js';
import { describeFaults } from './table.js';

const edit = smallQueue.artemis('out', 500_000);

// Not over STOMP: there its ERROR does not tell a full address from a bad message (2.40.0), and the bridge keeps it as a dead
// letter once `retry.attempts` are used up.
describeFaults('a bridge on an ActiveMQ Artemis that has no room', () => startArtemis({ edit }), [
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'amqp' },
]);

const block = smallQueue.artemis('out', 500_000, 'BLOCK');

describeFaults('a bridge on an ActiveMQ Artemis that blocks', () => startArtemis({ edit: block }), [
  // It gives each of four lanes credit for 1,000 messages before it blocks.
  { fault: 'the destination is full and blocks', direction: 'MQTT → queue', writeVia: 'amqp', count: 12_000 },
]);

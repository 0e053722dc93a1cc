import { smallQueue } from '../support/brokers/small-queue.js';
import { startArtemis } from '../support/brokers.js';
import { describeFaults } from './table.js';

const edit = smallQueue.artemis('out', 500_000);

// Not over STOMP: there its ERROR does not tell a full address from a bad message (2.40.0), and the bridge keeps it as a dead
// letter once `retry.attempts` are used up.
describeFaults('a bridge on an ActiveMQ Artemis that has no room', () => startArtemis({ edit }), [
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'amqp' },
]);

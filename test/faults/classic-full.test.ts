import { startClassic } from '../support/brokers.js';
import { describeFaults } from './table.js';

/** Of memory for one destination, and none to spool to; after a second without room the broker says no. */
const small = (xml: string) =>
  xml
    .replace('sendFailIfNoSpaceAfterTimeout="5000"', 'sendFailIfNoSpaceAfterTimeout="1000"')
    .replace(
      '<policyEntries>',
      '<policyEntries><policyEntry queue="*.out" producerFlowControl="true" memoryLimit="300kb"><pendingQueuePolicy><vmQueueCursor/></pendingQueuePolicy></policyEntry>',
    );

describeFaults('a bridge on an ActiveMQ Classic that has no room', () => startClassic({ edit: small }), [
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'stomp' },
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'amqp' },
]);

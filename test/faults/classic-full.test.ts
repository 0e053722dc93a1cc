import { smallQueue } from '../support/brokers/small-queue.js';
import { startClassic } from '../support/brokers.js';
import { describeFaults } from './table.js';

/**
 * Messages of one room were out of order in one run of some ten (6.1.8), with nothing sent twice: Classic refuses a message for want of
 * room and confirms a later one of its room that was on its way with it. docs/operations.md, In order, makes this exception; `inFlight` is 200 here.
 */
const MIXED_UP = 200;

const edit = smallQueue.activemq('out', 300 * 1024);

describeFaults('a bridge on an ActiveMQ Classic that has no room', () => startClassic({ edit }), [
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'stomp', mixedUp: MIXED_UP },
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'amqp', mixedUp: MIXED_UP },
]);

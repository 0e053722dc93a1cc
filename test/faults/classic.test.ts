import { startClassic } from '../support/brokers.js';
import { describeFaults } from './table.js';

describeFaults('a bridge on ActiveMQ Classic while things go wrong', () => startClassic(), [
  { fault: 'the bridge is killed, ten times over', direction: 'MQTT → queue', count: 10_000 },
  { fault: 'the broker is killed', direction: 'queue → MQTT QoS 1', count: 10_000 },
  { fault: 'the broker is stopped', direction: 'MQTT → topic', count: 10_000 },
  { fault: 'connections are cut', direction: 'queue → queue', count: 10_000 },
  { fault: 'connections are cut within a frame', direction: 'MQTT → queue', count: 10_000 },
  { fault: 'connections hang', direction: 'MQTT → queue' },
  { fault: 'connections are half closed', direction: 'queue → MQTT QoS 2' },
  { fault: 'each byte comes 500 ms late', direction: 'MQTT → queue' },
  { fault: 'the network is slow', direction: 'queue → MQTT QoS 2' },
  { fault: 'the source is cut off between confirm and acknowledgement', direction: 'MQTT → queue' },
  { fault: 'a consumer never acknowledges', direction: 'MQTT → queue' },
  { fault: 'the password changes', direction: 'MQTT → queue' },
  { fault: 'SIGTERM under load', direction: 'queue → queue' },
  { fault: 'SIGTERM while connections hang', direction: 'MQTT → queue' },
  { fault: 'the rules are reloaded while connections are cut', direction: 'MQTT → queue' },
  { fault: 'a second bridge has the same client id', direction: 'MQTT → queue', count: 4_000 },
  { fault: 'the clock jumps', direction: 'MQTT → queue' },
]);

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

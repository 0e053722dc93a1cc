import { startArtemis } from '../support/brokers.js';
import { describeFaults } from './table.js';

/**
 * A destination that says no when it is full; as it comes, Artemis pages to disk. Not over STOMP: there its ERROR does not
 * tell a full address from a bad message (2.40.0), and the bridge keeps it as a dead letter once `retry.attempts` are used up.
 */
const small = (xml: string) =>
  xml.replace(
    '<address-settings>',
    '<address-settings><address-setting match="*.out"><max-size-bytes>500000</max-size-bytes><address-full-policy>FAIL</address-full-policy></address-setting>',
  );

describeFaults('a bridge on an ActiveMQ Artemis that has no room', () => startArtemis({ edit: small }), [
  { fault: 'the destination is full', direction: 'MQTT → queue', writeVia: 'amqp' },
]);

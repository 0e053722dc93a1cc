import { startArtemis } from '../support/brokers.js';
import { describeFaults } from './table.js';

describeFaults('a bridge on ActiveMQ Artemis while things go wrong', () => startArtemis(), [
  { fault: 'the bridge is killed, ten times over', direction: 'queue → MQTT QoS 2', count: 10_000 },
  { fault: 'the broker is killed', direction: 'MQTT → topic', count: 10_000 },
  { fault: 'the broker is stopped', direction: 'queue → queue', count: 10_000 },
  { fault: 'connections are cut', direction: 'MQTT → queue', count: 10_000 },
  { fault: 'connections are cut within a frame', direction: 'queue → MQTT QoS 1', count: 10_000 },
  { fault: 'connections hang', direction: 'queue → MQTT QoS 1' },
  { fault: 'connections are half closed', direction: 'MQTT → queue', writeVia: 'stomp' },
  { fault: 'the network is slow', direction: 'MQTT → queue' },
  { fault: 'the source is cut off between confirm and acknowledgement', direction: 'queue → MQTT QoS 1' },
  { fault: 'a consumer never acknowledges', direction: 'MQTT → queue' },
  { fault: 'the password changes', direction: 'queue → queue' },
  { fault: 'SIGTERM under load', direction: 'MQTT → queue' },
  { fault: 'the rules are reloaded while connections are cut', direction: 'queue → queue' },
  { fault: 'a second bridge has the same client id', direction: 'MQTT → queue', count: 4_000 },
  { fault: 'the name of the broker does not resolve at first', direction: 'MQTT → topic' },
]);

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

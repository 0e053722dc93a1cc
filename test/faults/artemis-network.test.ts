import { startArtemis } from '../support/brokers.js';
import { describeFaults } from './table.js';

describeFaults('a bridge on ActiveMQ Artemis while the network fails', () => startArtemis(), [
  { fault: 'connections are cut', direction: 'MQTT → queue', count: 10_000 },
  { fault: 'connections are cut within a frame', direction: 'queue → MQTT QoS 1', count: 10_000 },
  { fault: 'connections hang', direction: 'queue → MQTT QoS 1' },
  { fault: 'connections are half closed', direction: 'MQTT → queue', readVia: 'mqtt', writeVia: 'stomp' },
  { fault: 'the network is slow', direction: 'MQTT → queue' },
  { fault: 'the source is cut off between confirm and acknowledgement', direction: 'queue → MQTT QoS 1' },
  { fault: 'the rules are reloaded while connections are cut', direction: 'queue → queue' },
  { fault: 'a second bridge has the same client id', direction: 'MQTT → queue', count: 4_000 },
  { fault: 'the name of the broker does not resolve at first', direction: 'MQTT → topic' },
]);

import { startClassic } from '../support/brokers.js';
import { describeFaults } from './table.js';

describeFaults('a bridge on ActiveMQ Classic while the network fails', () => startClassic(), [
  { fault: 'connections are cut', direction: 'queue → queue', count: 10_000 },
  { fault: 'connections are cut within a frame', direction: 'MQTT → queue', count: 10_000 },
  { fault: 'connections hang', direction: 'MQTT → queue' },
  { fault: 'connections are half closed', direction: 'queue → MQTT QoS 2' },
  { fault: 'each byte comes 500 ms late', direction: 'MQTT → queue' },
  { fault: 'the network is slow', direction: 'queue → MQTT QoS 2' },
  { fault: 'the source is cut off between confirm and acknowledgement', direction: 'MQTT → queue' },
  { fault: 'SIGTERM while connections hang', direction: 'MQTT → queue' },
  { fault: 'the rules are reloaded while connections are cut', direction: 'MQTT → queue' },
  { fault: 'a second bridge has the same client id', direction: 'MQTT → queue', count: 4_000 },
]);

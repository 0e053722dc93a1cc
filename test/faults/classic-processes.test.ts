import { startClassic } from '../support/brokers.js';
import { describeFaults } from './table.js';

describeFaults('a bridge on ActiveMQ Classic, of which something ends', () => startClassic(), [
  { fault: 'the bridge is killed, ten times over', direction: 'MQTT → queue', count: 10_000 },
  { fault: 'the broker is killed', direction: 'queue → MQTT QoS 1', count: 10_000 },
  { fault: 'the broker is stopped', direction: 'MQTT → topic', count: 10_000 },
  { fault: 'a consumer never acknowledges', direction: 'MQTT → queue' },
  { fault: 'the password changes', direction: 'MQTT → queue' },
  { fault: 'SIGTERM under load', direction: 'queue → queue' },
  { fault: 'the clock jumps', direction: 'MQTT → queue' },
]);

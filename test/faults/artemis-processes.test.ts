import { startArtemis } from '../support/brokers.js';
import { describeFaults } from './table.js';

describeFaults('a bridge on ActiveMQ Artemis, of which something ends', () => startArtemis(), [
  { fault: 'the bridge is killed, ten times over', direction: 'MQTT → queue', count: 10_000 },
  { fault: 'the broker is killed', direction: 'MQTT → topic', count: 10_000 },
  { fault: 'the broker is stopped', direction: 'queue → queue', count: 10_000 },
  { fault: 'a consumer never acknowledges', direction: 'MQTT → queue' },
  { fault: 'the password changes', direction: 'queue → queue' },
  { fault: 'SIGTERM under load', direction: 'queue → MQTT QoS 2' },
]);

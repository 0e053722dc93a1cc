import type { Flavour } from './flavour.js';

/** A broker that speaks MQTT only, seen with Mosquitto. */
export const mqttBroker: Flavour = {
  type: 'mqtt',
  product: 'MQTT broker',
  mqtt: {
    versions: ['3.1.1', 5],
    // Mosquitto hangs up on a line break in a user property (2.0.11).
    takesControls: false,
    sharedSubscriptions: true,
    keepsPublishOrder: true,
    // A topic name's length is a two byte number (MQTT 3.1.1, 1.5.3).
    longestTopic: 65_535,
    retainsFrom: ['mqtt'],
  },
};

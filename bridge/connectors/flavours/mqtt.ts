import type { Flavour } from './flavour.js';

/** A broker that speaks MQTT only, seen with Mosquitto. */
export const mqttBroker: Flavour = {
  type: 'mqtt',
  product: 'MQTT broker',
  mqtt: { sharedSubscriptions: true, keepsPublishOrder: true, retainsFrom: ['mqtt'] },
};

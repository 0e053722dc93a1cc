import type { MqttClient } from 'mqtt';
import type { Endpoint } from '../connector.js';

/** mqtt.js gives a peer up one and a half keep-alives after it last heard an answer; so does a broker (MQTT 3.1.1, 3.1.2.10). */
const GIVEN_UP_AFTER = 1.5;
const LONGEST_SECONDS = 65_535;

/**
 * Milliseconds between pings of our own, at most. A socket that is not read does not tell that its peer is gone: the first
 * write after that is answered by a reset, the second one fails. So a dead broker is noticed within two of these.
 */
const LONGEST_INTERVAL = 700;

/** The keep-alive, in whole seconds, at which a silent peer is given up after the endpoint's `idleTimeout`, 1.5 s at least. */
export function keepAliveSeconds({ idleTimeout }: Endpoint): number {
  const seconds = Math.floor(idleTimeout / 1000 / GIVEN_UP_AFTER);
  return Math.min(Math.max(seconds, 1), LONGEST_SECONDS);
}

/**
 * Keeps a link alive whose answers are read late. mqtt.js counts only answers as signs of life, and a PINGRESP waits behind
 * every PUBLISH that is not read yet, for as long as the reader has no credit. So it sends the pings itself and counts
 * `isAlive` as the sign of life. Returns the way to end it.
 */
export function keepAlive(client: MqttClient, seconds: number, isAlive: () => boolean): () => void {
  const timer = setInterval(
    () => {
      if (!isAlive() || !client.connected) return;
      client.sendPing();
      client.reschedulePing(true);
    },
    Math.min(seconds * 500, LONGEST_INTERVAL),
  );
  return () => clearInterval(timer);
}

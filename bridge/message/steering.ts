/**
 * Property names by which a client steers a broker (scheduling, duplicate detection, QoS, identity), or that a broker
 * adds for itself. They are never taken from a message nor set from a message's data: a rule has keys of its own for
 * what they do. Seen on both brokers: `ActiveMQ.MQTT.QoS` = 99 disconnects every MQTT subscriber of a Classic topic,
 * and a foreign `_AMQ_DUPL_ID` makes Artemis drop a later message in silence.
 */
const STEERING =
  /^(?:_AMQ_|__|AMQ_SCHEDULED_|ActiveMQ\.|JMS|mqtt\.|x-opt-|(?:NATIVE_MESSAGE_ID|transformation)$)/;

export function isSteeringProperty(name: string): boolean {
  return STEERING.test(name);
}

/** The beginning of a mapping file: the broker that `brokerEnvironment` tells of, called `mq`, over all protocols; with more settings. */
export function oneBroker(type: string, settings: Readonly<Record<string, string | number>> = {}): string {
  const more = Object.entries(settings).map(([key, value]) => `\n    ${key}: ${value}`);
  return `version: 1
brokers:
  mq:
    type: ${type}
    mqtt: mqtt://127.0.0.1:\${ACTIVEMQ_MQTT_PORT}
    amqp: amqp://127.0.0.1:\${ACTIVEMQ_AMQP_PORT}
    stomp: stomp://127.0.0.1:\${ACTIVEMQ_STOMP_PORT}
    username: \${ACTIVEMQ_USERNAME}
    password: \${ACTIVEMQ_PASSWORD}${more.join('')}`;
}

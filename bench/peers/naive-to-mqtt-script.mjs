import mqtt from 'mqtt';
import { job, mqttOptions, openAmqp } from './naive-ends.mjs';

const client = await mqtt.connectAsync(mqttOptions);
const connection = openAmqp();
connection.open_receiver({ source: { address: job.address, capabilities: ['queue'] }, autoaccept: false });
connection.on('receiver_open', () => process.stdout.write('!'));
connection.on('message', ({ message, delivery }) => {
  const topic = job.topicFilter.replace('+', message.application_properties.room);
  client.publish(topic, String(message.body), { qos: 1 }, (error) => {
    if (error) throw error;
    delivery.accept();
    process.stdout.write('.');
  });
});

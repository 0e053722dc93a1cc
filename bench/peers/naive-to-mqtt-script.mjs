import mqtt from 'mqtt';
import rhea from 'rhea';

const job = JSON.parse(process.env.JOB);
const client = await mqtt.connectAsync({
  host: job.host,
  port: job.mqtt,
  clientId: job.clientId,
  username: job.username,
  password: job.password,
});
const connection = rhea.connect({
  host: job.host,
  port: job.amqp,
  username: job.username,
  password: job.password,
  reconnect: false,
});
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

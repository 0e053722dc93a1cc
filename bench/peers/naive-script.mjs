import mqtt from 'mqtt';
import { job, mqttOptions, openAmqp } from './naive-ends.mjs';

const sender = openAmqp().open_sender({ target: { address: job.address, capabilities: ['queue'] } });
const waiting = new Map();
sender.on('accepted', ({ delivery }) => {
  waiting.get(delivery.id)?.();
  waiting.delete(delivery.id);
  process.stdout.write('.');
});

sender.once('sendable', () => {
  const client = mqtt.connect({ ...mqttOptions, clean: false });
  client.handleMessage = (packet, done) => {
    const delivery = sender.send({ body: packet.payload.toString(), durable: true });
    waiting.set(delivery.id, done);
  };
  client.on('connect', () => client.subscribe(job.topicFilter, { qos: 1 }, () => process.stdout.write('!')));
});

import mqtt from 'mqtt';
import rhea from 'rhea';

const job = JSON.parse(process.env.JOB);
const connection = rhea.connect({
  host: job.host,
  port: job.amqp,
  username: job.username,
  password: job.password,
  reconnect: false,
});
const sender = connection.open_sender({ target: { address: job.address, capabilities: ['queue'] } });
const waiting = new Map();
sender.on('accepted', ({ delivery }) => {
  waiting.get(delivery.id)?.();
  waiting.delete(delivery.id);
  process.stdout.write('.');
});

sender.once('sendable', () => {
  const client = mqtt.connect({
    host: job.host,
    port: job.mqtt,
    clientId: job.clientId,
    clean: false,
    username: job.username,
    password: job.password,
  });
  client.handleMessage = (packet, done) => {
    const delivery = sender.send({ body: packet.payload.toString(), durable: true });
    waiting.set(delivery.id, done);
  };
  client.on('connect', () => client.subscribe(job.topicFilter, { qos: 1 }, () => process.stdout.write('!')));
});

import rhea from 'rhea';

/** What the naive scripts have in common: what to move, and where to connect to. */
export const job = JSON.parse(process.env.JOB);
const { host, username, password, clientId } = job;
export const mqttOptions = { host, port: job.mqtt, clientId, username, password };
export const openAmqp = () => rhea.connect({ host, port: job.amqp, username, password, reconnect: false });

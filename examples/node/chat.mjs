// A chat room in a terminal: shows what is said there and says each line that is typed.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import mqtt from 'mqtt';

const [username, room, url = 'mqtt://127.0.0.1:1883'] = process.argv.slice(2);
const password = process.env.CHAT_PASSWORD;
const fail = (reason, code = 1) => {
  console.error(reason);
  process.exit(code);
};
if (!username || !/^[^/+#]+$/.test(room ?? '') || password === undefined)
  fail('Usage: CHAT_PASSWORD=… node chat.mjs ACCOUNT ROOM [BROKER-URL, default mqtt://127.0.0.1:1883]', 2);
const topic = `chat/${room}/messages`;
const session = randomUUID(); // starts every id made here, so that our own lines are not shown twice
let sent = 0;
// The same client id each time, and a session that lasts: the broker keeps what is said while we are away.
const clientId = `node-${username}-${room}`;
const client = mqtt.connect(url, { username, password, clientId, clean: false });
client.on('message', (_topic, payload) => show(payload.toString()));
client.on('offline', () => console.error('(connection lost, trying again)'));
await once(client, 'connect').catch((error) => fail(`No login at ${url} as ${username}: ${error.message}`));
client.on('error', ({ message }) => console.error(`(${message})`));
await client.subscribeAsync(topic, { qos: 1 }).catch(({ message }) => fail(`No room ${room}: ${message}`));
console.error(`In room ${room} as ${username}. Type a line to say it; end of input (Ctrl-D) leaves.`);
for await (const text of createInterface({ input: process.stdin })) {
  const message = { type: 'text', id: `${session}-${++sent}`, from: username, text, sentAt: new Date() };
  if (text.trim() !== '') await client.publishAsync(topic, JSON.stringify(message), { qos: 1 }); // confirmed
}
await client.endAsync();

function show(said) {
  try {
    const { id, from, text } = JSON.parse(said);
    if (!id?.startsWith(session)) console.log(`${from}: ${text}`.replace(/\p{Cc}/gu, '\uFFFD')); // no cursor moves
  } catch {
    console.error('(a message that is not a chat message)');
  }
}

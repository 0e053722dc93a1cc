// A chat room in a terminal: shows what is said there and says each line that is typed.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import mqtt from 'mqtt';

const [account, room, broker = 'mqtt://127.0.0.1:1883'] = process.argv.slice(2);
const password = process.env.CHAT_PASSWORD;
if (!account || !/^[^/+#]+$/.test(room ?? '') || password === undefined) {
  console.error(
    'Usage: CHAT_PASSWORD=… node chat.mjs ACCOUNT ROOM [BROKER-URL, default mqtt://127.0.0.1:1883]',
  );
  process.exit(2);
}
const topic = `chat/${room}/messages`;
const session = randomUUID(); // starts every id made here, so that our own lines are not shown twice
let sent = 0;

// The same client id each time, and a session that lasts: the broker keeps what is said while we are away.
const clientId = `node-${account}-${room}`;
const client = mqtt.connect(broker, {
  username: account,
  password,
  clientId,
  clean: false,
  protocolVersion: 4,
});
client.on('message', (_topic, payload) => show(payload.toString()));
client.on('error', (reason) => fail(`${broker} does not let ${account} in: ${reason.message}`));
client.on('offline', () => console.error('(connection lost, trying again)'));
client.once('connect', () => {
  client.removeAllListeners('error').on('error', ({ message }) => console.error(`(${message})`));
  client.subscribeAsync(topic, { qos: 1 }).then(chat, ({ message }) => fail(`No room ${room}: ${message}`));
});

async function chat() {
  console.error(`In room ${room} as ${account}. Type a line to say it; end of input (Ctrl-D) leaves.`);
  for await (const text of createInterface({ input: process.stdin })) {
    const message = { type: 'text', id: `${session}-${++sent}`, from: account, text, sentAt: new Date() };
    if (text.trim() !== '') await client.publishAsync(topic, JSON.stringify(message), { qos: 1 }); // until confirmed
  }
  await client.endAsync();
}

function show(said) {
  try {
    const { id, from, text } = JSON.parse(said);
    if (String(id).startsWith(session)) return;
    console.log(`${from}: ${text}`.replace(/\p{Cc}/gu, '\uFFFD')); // others must not move the cursor of this terminal
  } catch {
    console.error('(a message that is not a chat message)');
  }
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

import type { Config } from '../bridge/config/config.js';
import { parseConfig } from '../bridge/config/load.js';
import { plannerOf } from '../bridge/flow/plan.js';
import type { Message } from '../bridge/message/message.js';
import { RouteTable } from '../bridge/routing/route-table.js';

const MESSAGES = 100_000;

const RULE = (where: string, length: string) => `version: 1
brokers: { mq: { type: activemq, host: localhost } }
routes:
  r:
    from: { mqtt: "chat/{room}/messages" }
    ${where}
    to:
      - { topic: "rooms.{room}", properties: { room: "{room}", sender: "{body.from}", length: "${length}" } }
      - { queue: archive, properties: { room: "{room}", sender: "{body.from}", length: "${length}" }, group: "{room}" }
`;

/** The mean cost of matching and mapping one chat message of 200 bytes to two destinations, in microseconds. */
export async function measureMapping(): Promise<{ rule: string; microseconds: number }[]> {
  const rules = [
    ['three properties, two destinations', RULE('', '{body.n}')],
    ['the same with a where in CEL', RULE('where: body.type == "text" && room != "private"', '{body.n}')],
    [
      'the same with a property in CEL',
      RULE('where: body.type == "text" && room != "private"', '{size(body.text)}'),
    ],
  ] as const;
  const results: { rule: string; microseconds: number }[] = [];
  for (const [rule, text] of rules) {
    const loaded = await parseConfig(text, 'bench.yaml', {}, () => Promise.reject(new Error('no files')));
    if (!loaded.ok)
      throw new Error(`${rule}: ${loaded.diagnostics.map(({ message }) => message).join('; ')}`);
    results.push({ rule, microseconds: costOf(loaded.config) });
  }
  return results;
}

function costOf({ routes }: Config): number {
  const table = new RouteTable(
    'mqtt',
    routes.map((route) => ({ pattern: route.from.pattern, route: plannerOf(route) })),
  );
  const messages = Array.from({ length: 1_000 }, (_, n) => chat(n));
  const run = (count: number) => {
    let mapped = 0;
    for (let n = 0; n < count; n++) {
      const message = messages[n % messages.length] ?? chat(n);
      for (const { route: plan, captures } of table.match(message.address.name)) {
        const arrival = { id: 'ID:bench', now: n, redelivered: false };
        mapped += plan(message, captures, arrival)?.sends.length ?? 0;
      }
    }
    if (mapped !== 2 * count) throw new Error(`${mapped} of ${2 * count} messages were mapped`);
  };
  run(MESSAGES / 10);
  const start = process.hrtime.bigint();
  run(MESSAGES);
  return Number(process.hrtime.bigint() - start) / 1_000 / MESSAGES;
}

function chat(n: number): Message {
  const body = JSON.stringify({ type: 'text', from: 'ann', n, text: 'x'.repeat(140) });
  return {
    address: { kind: 'mqtt', name: `chat/room-${n % 100}/messages` },
    body: Buffer.from(body),
    properties: new Map(),
    persistent: true,
    qos: 1,
    retained: false,
  };
}

import { parseArgs } from 'node:util';
import { startArtemis, startClassic } from '../test/support/brokers.js';
import { type DrainResult, drain } from './drain.js';
import { measureMapping } from './mapping.js';
import { bridgePeer } from './peers/bridge.js';
import { naivePeer } from './peers/naive.js';
import { machine, printTable, spread } from './report.js';
import { measureMatching } from './route-table.js';

/**
 * `npm run bench -- --quick`: drains a backlog of QoS 1 messages out of a durable MQTT session into a persistent JMS
 * queue, this bridge and a naive script in turns on the same broker, and counts every message. Prints tables, and one
 * line of JSON at the end.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    messages: { type: 'string', default: '10000' },
    rounds: { type: 'string' },
    only: { type: 'string' },
  },
});
const messages = Number(values.messages);
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
if (!Number.isInteger(messages) || messages < 1 || !Number.isInteger(rounds) || rounds < 1) {
  console.error('bench: --messages and --rounds take whole numbers from 1');
  process.exit(2);
}

const matching = measureMatching();
printTable('Matching a topic against the route table', [
  ['routes', 'µs a message', 'ms for all subscriptions'],
  ...matching.map(({ routes, microseconds, subscribeMs }) => [
    String(routes),
    microseconds.toFixed(2),
    subscribeMs.toFixed(1),
  ]),
]);

const mapping = await measureMapping();
printTable('Matching and mapping one message of 200 bytes', [
  ['rule', 'µs a message'],
  ...mapping.map(({ rule, microseconds }) => [rule, microseconds.toFixed(2)]),
]);

const results: DrainResult[] = [];
for (const [name, start] of [
  ['Classic', startClassic],
  ['Artemis', startArtemis],
] as const) {
  if (values.only !== undefined && values.only !== name.toLowerCase()) continue;
  const broker = await start();
  try {
    const peers = [bridgePeer('stomp'), bridgePeer('amqp'), naivePeer()];
    for (let round = 0; round < rounds; round++)
      for (const peer of peers) {
        console.log(`${name}, round ${round + 1} of ${rounds}: ${peer.name}`);
        results.push(await drain(broker, name, peer, messages));
      }
  } finally {
    await broker.stop();
  }
}

const rows = [...new Set(results.map(({ broker, peer }) => `${broker}\n${peer}`))].map((key) => {
  const [broker = '', peer = ''] = key.split('\n');
  const all = results.filter((result) => result.broker === broker && result.peer === peer);
  const sum = (pick: (result: DrainResult) => number) =>
    String(all.reduce((total, one) => total + pick(one), 0));
  return [
    broker,
    peer,
    spread(all.map(({ perSecond }) => perSecond)),
    spread(all.map(({ peakRssMiB }) => peakRssMiB)),
    spread(all.map(({ cpuSeconds }) => (cpuSeconds / messages) * 100_000)),
    sum(({ lost }) => lost),
    sum(({ duplicates }) => duplicates),
    sum(({ reordered }) => reordered),
  ];
});
printTable(`Drain of ${messages} QoS 1 messages of 200 bytes, 100 rooms, into one persistent queue`, [
  ['broker', 'what moves them', 'msg/s', 'peak RSS MiB', 'CPU s/100,000', 'lost', 'twice', 'out of order'],
  ...rows,
]);
console.log(
  JSON.stringify({
    machine: machine(),
    date: new Date().toISOString(),
    messages,
    rounds,
    matching,
    mapping,
    results,
  }),
);
const broken = results.filter(({ lost, reordered }) => lost + reordered > 0);
if (broken.length > 0) {
  console.error(`bench: messages were lost or out of order in ${broken.length} of ${results.length} drains`);
  process.exitCode = 1;
}

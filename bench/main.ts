import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { flavourOf } from '../bridge/connectors/flavours/flavour.js';
import { startArtemis, startClassic, type TestBroker } from '../test/support/brokers.js';
import { bothCeiling, type SourceProtocol, sinkCeiling, sourceCeiling } from './ceilings.js';
import { drawCharts } from './charts.js';
import { type Ceiling, drainTable, latencyTable, liveTable, type Results, tooSlow } from './comparison.js';
import { drain } from './drain.js';
import { type Amount, type LiveResult, live, liveOnOwnPath, type OwnPath, TO_MQTT } from './live.js';
import { measureMapping } from './mapping.js';
import { benthosPeer, benthosToMqttPeer, buildBenthos } from './peers/benthos.js';
import {
  bridgeAtMostOncePeer,
  bridgePeer,
  bridgeToMqttPeer,
  bridgeVirtualTopicPeer,
} from './peers/bridge.js';
import { buildCamel, camelPeer, camelToMqttPeer } from './peers/camel.js';
import { naivePeer, naiveToMqttPeer } from './peers/naive.js';
import type { Peer } from './peers/peer.js';
import { machine, printTable } from './report.js';
import { measureMatching } from './route-table.js';

const PARTS = ['drain', 'live', 'latency', 'to-mqtt'];
const BROKERS = ['classic', 'artemis', 'classic-nagle'];

/**
 * `npm run bench`: this bridge and its peers in turns on the same brokers, as they move QoS 1 messages of 200 bytes in 100 rooms into one
 * JMS queue: a backlog (drain), what is published meanwhile (live), and at a fixed rate (latency); and live from the queue to MQTT. Every
 * message is counted and each room's order checked; live, each program is warm before it is measured. Prints tables and a line of JSON; a run of all parts and peers also writes
 * bench/results.json and pictures in bench/charts.
 *
 * `--rounds N`, `--messages N` (five times as many wait in a backlog), `--parts drain,live,latency,to-mqtt`,
 * `--only classic,artemis,classic-nagle`: the last is Classic with the sockets that it has as it comes; `--peers activemq-bridge,Camel`: only programs with one of these in their names. `--quick`: one round of
 * this bridge and the naive script. `--guard`: only what tells whether this bridge is as much faster than the naive script as it should be;
 * ends with 1 when it is not.
 */
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    guard: { type: 'boolean', default: false },
    messages: { type: 'string', default: '10000' },
    rounds: { type: 'string' },
    only: { type: 'string', default: BROKERS.join(',') },
    parts: { type: 'string', default: PARTS.join(',') },
    /** Only programs whose names have one of these in them. */
    peers: { type: 'string', default: '' },
  },
});
const messages = Number(values.messages);
const isQuick = values.quick || values.guard;
/** Messages that wait when a drain begins. */
const backlog = isQuick ? messages : 5 * messages;
const rounds = Number(values.rounds ?? (isQuick ? 1 : 3));
if (!Number.isInteger(messages) || messages < 1 || !Number.isInteger(rounds) || rounds < 1) {
  console.error('bench: --messages and --rounds take whole numbers from 1');
  process.exit(2);
}
const parts = some('parts', values.guard ? 'drain' : values.parts, PARTS);
const only = some('only', values.guard ? 'classic,artemis' : values.only, BROKERS);

const isWanted = (name: string) => values.peers.split(',').some((part) => name.includes(part));

/** Names with commas between them, all of them known. */
function some(option: string, given: string, known: readonly string[]): ReadonlySet<string> {
  const names = given.split(',');
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`bench: --${option} takes ${known.join(', ')}, not ${unknown.join(', ')}`);
    process.exit(2);
  }
  return new Set(names);
}

/** MiB of a broker's JVM: what the start script of ActiveMQ Classic gives it. */
const HEAP = 1_024;
/** Messages of a limit, at most: what its sink sends stays on the broker, and takes memory from what comes after it. */
const MOST_AT_LIMIT = 20_000;
/** Messages that make a virtual machine compile what it is measured at: the broker's, and then that of each peer. */
const WARM_UP = 5_000;
/** Of `slowOn`, what is to be done there. */
const SLOW_PART = 5;
/** Messages a second at which latency is measured, and for how many seconds. */
const RATES = [400, 1_000] as const;
const SECONDS = 5;

const OWN_CLASSIC: OwnPath = {
  name: "the broker's own path (virtual topic)",
  topic: (id, room) => `VirtualTopic/${id}/room-${room}/messages`,
  queue: (id) => `Consumer.bench.VirtualTopic.${id}.>`,
};

const OWN_ARTEMIS: OwnPath = {
  name: "the broker's own path (divert)",
  topic: (id, room) => `own/${id}/room-${room}`,
  queue: () => 'own-out',
};

/** The sockets of ActiveMQ Classic as it comes: broker/activemq.xml sets TCP_NODELAY on all of them. */
const withNagle = (xml: string) => xml.replaceAll('transport.tcpNoDelay=true&amp;', '');

/** A divert from topics to a queue, as the peers' job is. */
const withDivert = (xml: string) =>
  xml.replace(
    '<addresses>',
    '<diverts><divert name="own"><address>own.#</address><forwarding-address>own-out</forwarding-address><routing-type>ANYCAST</routing-type><exclusive>false</exclusive></divert></diverts><addresses>',
  );

const hotPath = values.guard ? undefined : await measureHotPath();

/** What one message costs in this process alone. */
async function measureHotPath() {
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
  return { matching, mapping };
}

if (!isQuick) await buildCamel();
const hasBenthos = !isQuick && (await buildBenthos());
if (!isQuick && !hasBenthos) console.log('Redpanda Connect is left out');

const peers: readonly Peer[] = [
  bridgePeer('stomp'),
  ...(values.guard ? [] : [bridgePeer('amqp')]),
  naivePeer(),
  ...(isQuick
    ? []
    : [
        bridgeVirtualTopicPeer(),
        bridgeAtMostOncePeer('stomp'),
        bridgeAtMostOncePeer('amqp'),
        camelPeer('in-order'),
        camelPeer('parallel'),
      ]),
  ...(hasBenthos ? [benthosPeer('durable'), benthosPeer('as it comes')] : []),
].filter(({ name }) => isWanted(name));

/** From the queue to MQTT. */
const peersToMqtt = (broker: TestBroker): Omit<Peer, 'drains'>[] =>
  [
    ...(broker.type === 'activemq'
      ? ([
          ['amqp', 'stomp'],
          ['stomp', 'mqtt'],
          ['stomp', 'stomp'],
        ] as const)
      : ([['amqp', 'mqtt']] as const)
    ).map(([from, to]) => bridgeToMqttPeer(from, to)),
    naiveToMqttPeer(),
    ...(isQuick ? [] : [camelToMqttPeer('transacted'), camelToMqttPeer('dups-ok')]),
    // It says nowhere that its address is a queue: Artemis reads a topic of that name to it, which is empty.
    ...(hasBenthos && broker.type === 'activemq' ? [benthosToMqttPeer()] : []),
  ].filter(({ name }) => isWanted(name));

const results: Results = { ceilings: [], drains: [], lives: [], latencies: [], toMqtt: [] };

/** One measurement; what fails is told and left out, so that the others are not lost with it. */
async function attempt(what: string, measure: () => Promise<unknown>): Promise<void> {
  console.log(what);
  try {
    await measure();
  } catch (error) {
    console.error(`bench: ${what}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

/** A fifth of the messages for a peer that is slow on this broker. */
const partOf = (amount: number, { slowOn }: Pick<Peer, 'slowOn'>, { type }: TestBroker) =>
  slowOn?.includes(type) ? amount / SLOW_PART : amount;

/** What the bridge reads rooms over unless a rule says otherwise. */
const sourceOf = ({ type }: TestBroker): SourceProtocol => flavourOf(type).mqtt.readAsJms?.via ?? 'mqtt';

async function warmUp(broker: TestBroker): Promise<void> {
  for (const via of ['stomp', 'amqp'] as const) await sinkCeiling(broker, via, WARM_UP);
  for (const from of ['mqtt', 'amqp'] as const) await sourceCeiling(broker, from, WARM_UP);
}

async function measureCeilings(broker: TestBroker, label: string, round: string): Promise<void> {
  const amount = Math.min(backlog, MOST_AT_LIMIT);
  const measure = (what: Ceiling, figure: () => Promise<number>) =>
    attempt(`${round}, ${what}`, async () =>
      results.ceilings.push({ broker: label, what, perSecond: await figure() }),
    );
  const source = sourceOf(broker);
  await measure('source alone', () => sourceCeiling(broker, source, amount));
  await measure('STOMP sink alone', () => sinkCeiling(broker, 'stomp', amount));
  await measure('AMQP sink alone', () => sinkCeiling(broker, 'amqp', amount));
  await measure('source and STOMP sink at once', () => bothCeiling(broker, source, 'stomp', amount));
  await measure('source and AMQP sink at once', () => bothCeiling(broker, source, 'amqp', amount));
}

async function measureDrains(broker: TestBroker, label: string, round: string): Promise<void> {
  const { drains } = results;
  for (const peer of peers.filter(({ drains }) => drains?.includes(broker.type) ?? true)) {
    const waiting = isQuick ? backlog : partOf(backlog, peer, broker);
    await attempt(`${round}, drain: ${peer.name}`, async () =>
      drains.push(await drain(broker, label, peer, waiting)),
    );
  }
}

async function measureLive(broker: TestBroker, label: string, own: OwnPath, round: string): Promise<void> {
  const { lives, latencies } = results;
  const runs: [string, (amount: Omit<Amount, 'warmUp'>) => Promise<LiveResult>][] = [
    [own.name, (amount) => liveOnOwnPath(broker, label, own, { ...amount, warmUp: WARM_UP })],
    ...peers
      .filter(({ worksOn }) => worksOn?.includes(broker.type) ?? true)
      .map((peer): (typeof runs)[number] => {
        const warmUp = partOf(WARM_UP, peer, broker);
        return [peer.name, (amount) => live(broker, label, peer, { ...amount, warmUp })];
      }),
  ];
  for (const [name, run] of runs.filter(([name]) => isWanted(name))) {
    if (parts.has('live'))
      await attempt(`${round}, live: ${name}`, async () => lives.push(await run({ messages })));
    if (!parts.has('latency')) continue;
    for (const rate of RATES)
      await attempt(`${round}, ${rate} messages a second: ${name}`, async () =>
        latencies.push({ ...(await run({ messages: rate * SECONDS, rate })), rate }),
      );
  }
}

async function measureToMqtt(broker: TestBroker, label: string, round: string): Promise<void> {
  for (const peer of peersToMqtt(broker))
    await attempt(`${round}, to MQTT: ${peer.name}`, async () =>
      results.toMqtt.push(
        await live(broker, label, peer, { messages, warmUp: partOf(WARM_UP, peer, broker) }, TO_MQTT),
      ),
    );
}

for (const [key, label, start, own] of [
  ['classic', 'Classic', () => startClassic({ heap: HEAP }), OWN_CLASSIC],
  ['artemis', 'Artemis', () => startArtemis({ edit: withDivert, heap: HEAP }), OWN_ARTEMIS],
  [
    'classic-nagle',
    'Classic without tcpNoDelay',
    () => startClassic({ edit: withNagle, heap: HEAP }),
    OWN_CLASSIC,
  ],
] as const) {
  if (!only.has(key)) continue;
  for (let round = 1; round <= rounds; round++) {
    // A new one each time: the sessions and topics of a round would weigh on the next.
    const broker = await start();
    const which = `${label}, round ${round} of ${rounds}`;
    try {
      await attempt(`${which}, warm-up`, () => warmUp(broker));
      if (parts.has('drain') && !values.guard) await measureCeilings(broker, label, which);
      if (parts.has('drain')) await measureDrains(broker, label, which);
      await measureLive(broker, label, own, which);
      if (parts.has('to-mqtt')) await measureToMqtt(broker, label, which);
    } finally {
      await broker.stop();
    }
  }
}
if (parts.has('drain'))
  printTable(`A backlog of QoS 1 messages into one persistent queue`, drainTable(results));
if (parts.has('live')) printTable(`${messages} messages while they are published`, liveTable(results.lives));
if (parts.has('to-mqtt'))
  printTable(`${messages} messages from the queue to MQTT while they are sent`, liveTable(results.toMqtt));
if (parts.has('latency'))
  for (const rate of RATES)
    printTable(`${rate} messages a second for ${SECONDS} s`, latencyTable(results, rate));
const line = JSON.stringify({
  machine: machine(),
  date: new Date().toISOString(),
  messages,
  rounds,
  ...hotPath,
  ...results,
});
console.log(line);
// What is in the files stands in RESULTS.md: a look at a part must not take its place.
if (!isQuick && parts.size === PARTS.length && values.peers === '') {
  await writeFile(fileURLToPath(new URL('results.json', import.meta.url)), `${line}\n`);
  await drawCharts(results);
}
const broken = [...results.drains, ...results.lives, ...results.toMqtt].filter(
  ({ peer, lost, reordered }) => peer.startsWith('activemq-bridge') && lost + reordered > 0,
);
if (broken.length > 0) {
  console.error(`bench: this bridge lost messages or changed their order in ${broken.length} measurements`);
  process.exitCode = 1;
}
if (values.guard) {
  const slow = tooSlow(results);
  for (const text of slow) console.error(`bench: ${text}`);
  if (slow.length > 0) process.exitCode = 1;
}

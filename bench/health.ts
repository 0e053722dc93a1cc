import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort, startClassic, type TestBroker } from '../test/support/brokers.js';
import { whileRunning, withJob } from './job.js';
import { publish, topicOf } from './load.js';
import { bridgePeer } from './peers/bridge.js';
import { machine, printTable } from './report.js';

/**
 * `npm run bench:health -- --messages 60000 --requests 10000 --at-once 200`: the bridge moves that many waiting messages from an MQTT
 * session of a real Classic to a queue as fast as it can, once alone and once while so many requests ask for `/health`. They come over
 * kept-alive connections, each with one request under way: that many are in parallel at any moment, and as soon as one has its answer
 * the next one asks. A first one on each connection does not count: Node takes in one new connection a turn. The time of a request is from its first byte written to the last byte of its answer. Whoever asks shares the
 * machine with the bridge and the broker.
 */
const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '60000' },
    requests: { type: 'string', default: '10000' },
    'at-once': { type: 'string', default: '200' },
  },
});
const MESSAGES = Number(values.messages);
const REQUESTS = Number(values.requests);
const AT_ONCE = Number(values['at-once']);
/** Messages moved before anything is measured: Node's compiler has been there by then. */
const WARM_UP = Math.min(10_000, MESSAGES / 4);
const LOOK = 50;
const REQUEST = 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
const HEAD_END = '\r\n\r\n';

interface Asked {
  readonly latencies: readonly number[];
  readonly refused: number;
  readonly seconds: number;
}

/** Answers are read by their Content-Length, with no more work than that: the load shares the cores with what it measures. */
async function ask(port: number): Promise<Asked> {
  const latencies: number[] = [];
  let started = 0;
  let refused = 0;
  let began = 0;
  let connected = 0;
  let release: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    release = resolve;
  });
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      let heard = Buffer.alloc(0);
      let sentAt = 0;
      const next = () => {
        if (started >= REQUESTS) {
          socket.end();
          resolve();
          return;
        }
        started++;
        sentAt = performance.now();
        socket.write(REQUEST);
      };
      let isCounted = false;
      socket.on('connect', () => socket.write(REQUEST)).on('error', reject);
      socket.on('close', () => reject(new Error('the bridge closed a connection before its answer')));
      socket.on('data', (chunk) => {
        heard = heard.length === 0 ? chunk : Buffer.concat([heard, chunk]);
        const end = heard.indexOf(HEAD_END);
        if (end === -1) return;
        const head = heard.toString('latin1', 0, end);
        const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
        if (heard.length < end + HEAD_END.length + length) return;
        if (!isCounted) {
          isCounted = true;
          heard = Buffer.alloc(0);
          if (++connected === AT_ONCE) {
            began = performance.now();
            release();
          }
          void all.then(next);
          return;
        }
        latencies.push(performance.now() - sentAt);
        if (!head.startsWith('HTTP/1.1 200')) refused++;
        heard = Buffer.alloc(0);
        next();
      });
    });
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return { latencies, refused, seconds: (performance.now() - began) / 1_000 };
}

interface Run {
  /** Over the whole drain, or as long as health was asked. */
  readonly perSecond: number;
  readonly asked?: Asked;
}

const run = (port: number | undefined, broker: TestBroker): Promise<Run> =>
  withJob(broker, async (job) => {
    const peer = bridgePeer('stomp', port);
    await peer.prepare(job);
    await publish(job, { messages: MESSAGES, topic: (room) => topicOf(job, room) });
    return whileRunning(peer, job, async ({ moved }) => {
      const until = async (wanted: number): Promise<number> => {
        for (;;) {
          const count = await moved();
          if (count >= wanted) return count;
          await delay(LOOK);
        }
      };
      const first = { count: await until(WARM_UP), at: performance.now() };
      const asked = port === undefined ? undefined : await ask(port);
      const count = await until(asked === undefined ? MESSAGES * 0.9 : 0);
      if (count >= MESSAGES)
        throw new Error(`all ${MESSAGES} messages were moved before the last answer: take more of them`);
      const perSecond = Math.round(((count - first.count) * 1_000) / (performance.now() - first.at));
      return { perSecond, ...(asked === undefined ? {} : { asked }) };
    });
  });

const quantile = (sorted: readonly number[], part: number) =>
  Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1));

const broker = await startClassic({ heap: 1_024 });
try {
  const alone = await run(undefined, broker);
  const { asked, perSecond } = await run(await freePort(), broker);
  if (asked === undefined) throw new Error('nothing was asked');
  const sorted = [...asked.latencies].sort((a, b) => a - b);
  const [p50, p99, longest] = [quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1)];
  const rate = Math.round(REQUESTS / asked.seconds);
  printTable(
    `${REQUESTS} requests for /health, ${AT_ONCE} at any moment, while messages are bridged at full speed`,
    [
      ['msg/s alone', 'msg/s meanwhile', 'requests/s', 'p50 ms', 'p99 ms', 'longest ms', 'not 200'],
      [alone.perSecond, perSecond, rate, p50, p99, longest, asked.refused].map(String),
    ],
  );
  console.log(
    JSON.stringify({
      machine: machine(),
      date: new Date().toISOString(),
      messages: MESSAGES,
      requests: REQUESTS,
      atOnce: AT_ONCE,
      perSecondAlone: alone.perSecond,
      perSecond,
      requestsPerSecond: rate,
      p50,
      p99,
      longest,
      refused: asked.refused,
    }),
  );
  process.exitCode = asked.refused > 0 || p99 >= 50 ? 1 : 0;
} finally {
  await broker.stop();
}

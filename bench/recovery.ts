import { parseArgs } from 'node:util';
import { seedOfRun } from '../test/faults/random.js';
import { type Direction, Run } from '../test/faults/run.js';
import { startArtemis, startClassic } from '../test/support/brokers.js';
import { eventually } from '../test/support/eventually.js';
import { machine, printTable, spread } from './report.js';

/**
 * `npm run bench:recovery -- --rounds 5`: a broker is killed and started again on its data; how long from its first answer until the
 * bridge is ready, and until it has delivered a message. The producer has to come back, too, so the second is an upper bound.
 */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const ROUNDS = Number(values.rounds);
const DIRECTIONS: readonly Direction[] = ['MQTT → queue', 'queue → MQTT QoS 1'];

const rows: string[][] = [];
const results: object[] = [];
for (const start of [startClassic, startArtemis]) {
  const broker = await start();
  for (const direction of DIRECTIONS) {
    const run = await Run.start(broker, { direction, rate: 200, count: 0, seed: seedOfRun() });
    const ready: number[] = [];
    const delivered: number[] = [];
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await run.delivers(200);
        await broker.kill();
        const before = await run.delivered();
        await broker.restart();
        const answered = performance.now();
        await eventually(async () => (await run.health()).ready);
        ready.push((performance.now() - answered) / 1_000);
        await eventually(async () => (await run.delivered()) > before);
        delivered.push((performance.now() - answered) / 1_000);
      }
      const { lost } = await run.account();
      const result = { broker: broker.type, direction, rounds: ROUNDS, ready, delivered, lost };
      results.push(result);
      rows.push([broker.type, direction, spread(ready), spread(delivered), String(lost)]);
    } finally {
      await run.end();
    }
  }
  await broker.stop();
}
printTable(`Seconds from a broker's first answer after SIGKILL, ${ROUNDS} rounds`, [
  ['broker', 'direction', 'ready', 'delivers', 'lost'],
  ...rows,
]);
console.log(JSON.stringify({ machine: machine(), date: new Date().toISOString(), results }));

import { cpus, totalmem } from 'node:os';
import { startArtemis, startClassic } from '../support/brokers.js';
import { FAULTS, type FaultName } from './faults.js';
import { seedOfRun } from './random.js';
import { type Direction, Run } from './run.js';

/**
 * `node --import tsx test/faults/long-run.ts`: 100,000 messages a broker (or LONG_RUN_MESSAGES; LONG_RUN_BROKER, `Classic` or `Artemis`, for one of them), several faults in each run, and
 * the table of docs/reliability.md. Ends with 1 when anything is lost, unexpected or reordered by the bridge.
 */
const MESSAGES = Number(process.env.LONG_RUN_MESSAGES ?? 100_000);

const RUNS: readonly { readonly direction: Direction; readonly faults: readonly FaultName[] }[] = [
  {
    direction: 'MQTT → queue',
    faults: ['the bridge is killed, ten times over', 'connections are cut', 'the broker is killed'],
  },
  {
    direction: 'MQTT → topic',
    faults: ['the broker is stopped', 'connections are cut within a frame', 'connections hang'],
  },
  {
    direction: 'queue → MQTT QoS 1',
    faults: ['the broker is killed', 'SIGTERM under load', 'connections are half closed'],
  },
  {
    direction: 'queue → MQTT QoS 2',
    faults: [
      'connections are cut',
      'the source is cut off between confirm and acknowledgement',
      'the network is slow',
    ],
  },
  {
    direction: 'queue → queue',
    faults: [
      'the rules are reloaded while connections are cut',
      'the broker is killed',
      'SIGTERM under load',
    ],
  },
];

const BROKERS = [
  { name: 'Classic', start: startClassic },
  { name: 'Artemis', start: startArtemis },
].filter(({ name }) => [undefined, name].includes(process.env.LONG_RUN_BROKER));
if (BROKERS.length === 0) throw new RangeError('LONG_RUN_BROKER is Classic or Artemis');

const seed = seedOfRun();
const gib = Math.round(totalmem() / 2 ** 30);
console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, ${gib} GiB, seed ${seed}\n`);
const rows: string[] = [];
let failed = false;
for (const { name, start } of BROKERS) {
  const broker = await start();
  for (const { direction, faults } of RUNS) {
    const started = performance.now();
    const run = await Run.start(broker, { direction, seed, count: MESSAGES / RUNS.length });
    try {
      for (const fault of faults) await FAULTS[fault](run);
      const account = await run.account();
      const { acknowledged, lost, duplicates, reordered, reorderedByBroker, unexpected } = account;
      failed ||= lost + reordered + unexpected > 0;
      const seconds = Math.round((performance.now() - started) / 1000);
      rows.push(
        `| ${name} | ${direction} | ${faults.join('; ')} | ${acknowledged.toLocaleString('en')} | ${lost} | ${duplicates} | ${reordered} | ${reorderedByBroker} | ${unexpected} | ${seconds} |`,
      );
    } catch (error) {
      failed = true;
      rows.push(`| ${name} | ${direction} | ${faults.join('; ')} | ${String(error)} |`);
    } finally {
      await run.end();
    }
  }
  await broker.stop();
}
console.log(
  [
    '',
    '| broker | direction | faults | acknowledged | lost | duplicated | reordered | reordered by the broker | unexpected | s |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n'),
);
process.exitCode = failed ? 1 : 0;

import { parseArgs } from 'node:util';
import { startArtemis, startClassic } from '../support/brokers.js';
import { seedOfRun } from './random.js';
import { DIRECTIONS, type Direction } from './run.js';
import { soak } from './soak.js';

/**
 * `npm run soak -- --broker classic --direction "MQTT → queue" --seconds 600 --rate 1000 --every 20`: these are the defaults. Prints
 * each fault, the account and the bridge's memory over time; ends with 1 when anything is lost, unexpected or reordered by the bridge.
 */
const { values } = parseArgs({
  options: {
    broker: { type: 'string', default: 'classic' },
    direction: { type: 'string', default: 'MQTT → queue' },
    seconds: { type: 'string', default: '600' },
    rate: { type: 'string', default: '1000' },
    every: { type: 'string', default: '20' },
  },
});
const isDirection = (text: string): text is Direction => Object.hasOwn(DIRECTIONS, text);
const { direction } = values;
if (!isDirection(direction))
  throw new RangeError(`--direction: one of ${Object.keys(DIRECTIONS).join(', ')}`);
const seed = seedOfRun();
console.log(`${values.broker}, ${direction}, seed ${seed} (FAULT_SEED repeats it)`);
const broker = await (values.broker === 'artemis' ? startArtemis : startClassic)();
try {
  const { account, mayComeTwice, faults, memory } = await soak(broker, {
    direction,
    seconds: Number(values.seconds),
    rate: Number(values.rate),
    faultEvery: Number(values.every),
    seed,
    say: console.log,
  });
  console.log({ ...account, faults, mayComeTwice });
  const minutes = Array.from({ length: Math.ceil(memory.length / 60) }, (_, minute) =>
    Math.max(...memory.slice(minute * 60, (minute + 1) * 60)),
  );
  console.log(`largest resident memory of each minute in MiB: ${minutes.join(', ')}`);
  process.exitCode = account.lost + account.unexpected + account.reordered > 0 ? 1 : 0;
} finally {
  await broker.stop();
}

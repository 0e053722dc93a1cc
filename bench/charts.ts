import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { median, type Results } from './comparison.js';

const FOLDER = fileURLToPath(new URL('./charts', import.meta.url));

/** One round of one peer. */
interface Round {
  readonly broker: string;
  readonly peer: string;
  readonly figure: number;
}

/** Pictures of a run's tables: a file for each broker and kind of measurement that it has, in bench/charts. */
export async function drawCharts({ drains, lives, latencies, toMqtt }: Results): Promise<string[]> {
  const charts: [name: string, title: string, rounds: Round[]][] = [
    ['drain', 'Backlog: messages a second', drains.map((one) => ({ ...one, figure: one.perSecond }))],
    ['live', 'Live: messages a second', lives.map((one) => ({ ...one, figure: one.perSecond }))],
    ['to-mqtt', 'Queue to MQTT: messages a second', toMqtt.map((one) => ({ ...one, figure: one.perSecond }))],
    [
      'latency',
      'Median latency at 400 messages a second, ms (logarithmic)',
      latencies.filter(({ rate }) => rate === 400).map((one) => ({ ...one, figure: one.p50 })),
    ],
  ];
  await mkdir(FOLDER, { recursive: true });
  const files: string[] = [];
  for (const [name, title, rounds] of charts)
    for (const broker of new Set(rounds.map((one) => one.broker))) {
      const file = `${name}-${broker.toLowerCase().replaceAll(/[^a-z]+/g, '-')}.svg`;
      const ofBroker = rounds.filter((one) => one.broker === broker);
      await writeFile(join(FOLDER, file), await draw(`${broker}. ${title}`, ofBroker, name === 'latency'));
      files.push(file);
    }
  return files;
}

/** The median of each peer, in the order of the tables, with a tick for each round. */
async function draw(title: string, rounds: readonly Round[], isLogarithmic: boolean): Promise<string> {
  const peers = [...new Set(rounds.map(({ peer }) => peer))];
  const bars = peers.map((peer) => ({
    peer,
    figure: median(rounds.filter((one) => one.peer === peer).map(({ figure }) => figure)),
    isOurs: peer.startsWith('activemq-bridge'),
  }));
  const y = { field: 'peer', type: 'nominal', sort: peers, title: null, axis: { labelLimit: 300 } } as const;
  const scale = isLogarithmic ? ({ type: 'log', domainMin: 0.1 } as const) : {};
  const x = { field: 'figure', type: 'quantitative', title: null, scale } as const;
  const spec: TopLevelSpec = {
    title: { text: title, anchor: 'start' },
    width: 420,
    background: 'white',
    layer: [
      {
        data: { values: bars },
        // A bar has to begin at zero, which a logarithmic axis does not have.
        mark: isLogarithmic ? { type: 'circle', size: 150, opacity: 1 } : { type: 'bar' },
        encoding: {
          y,
          x,
          color: { condition: { test: 'datum.isOurs', value: '#b3341e' }, value: '#9aa5b1' },
        },
      },
      { data: { values: [...rounds] }, mark: { type: 'tick', color: '#1b2733' }, encoding: { y, x } },
    ],
  };
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}

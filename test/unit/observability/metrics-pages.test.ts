import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../../bridge/observability/metrics.js';
import { type Read, readExposition } from '../../support/exposition.js';
import { MEASUREMENTS, STATUS } from '../../support/observed.js';

const TOP = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(TOP + path, 'utf8');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

const { groups } = parse(read('docker/observability/alerts.yml')) as {
  groups: readonly { readonly rules: readonly Alert[] }[];
};
const ALERTS = groups.flatMap(({ rules }) => rules);

/** What Prometheus itself gives every target. */
const OF_PROMETHEUS = ['up'];
const LABELS_OF_PROMETHEUS = ['job', 'instance'];

/** The names of metrics in an expression. */
const metricsIn = (expression: string): readonly string[] =>
  expression.match(/\b(?:activemq|nodejs|process)_\w+|\bup\b/g) ?? [];

/** The rows of the first table after a heading, cell by cell. */
function tableAfter(heading: string, page: string): string[][] {
  const [, after = ''] = page.split(`\n${heading}\n`);
  const lines = after.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(first + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

let found: Read;
beforeAll(async () => {
  const metrics = createMetrics(() => ({ status: STATUS, measurements: MEASUREMENTS }));
  found = readExposition(await metrics.text());
});

/** The lines of a metric: of a histogram those of its buckets, too. */
function samplesOf(name: string) {
  const suffixes = found.metrics.get(name)?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  return found.samples.filter((sample) => suffixes.some((suffix) => sample.name === name + suffix));
}

function labelsOf(name: string): string[] {
  return [...new Set(samplesOf(name).flatMap(({ labels }) => Object.keys(labels)))].filter(
    (label) => label !== 'le',
  );
}

describe('docs/metrics.md', () => {
  it('has every metric of the bridge, with its type, labels and meaning as /metrics tells them', () => {
    const own = [...found.metrics].filter(([name]) => name.startsWith('activemq_bridge_'));
    const rows = own.map(([name, { type, help }]) => [
      `\`${name}\``,
      type,
      labelsOf(name)
        .map((label) => `\`${label}\``)
        .join(', ') || '–',
      help,
    ]);
    expect(tableAfter('## Of the bridge', read('docs/metrics.md'))).toEqual(rows);
  });

  it('names metrics of the process that there are', () => {
    const rows = tableAfter('## Of the process', read('docs/metrics.md'));
    expect(rows.length).toBeGreaterThan(3);
    for (const [name = '', type] of rows)
      expect(found.metrics.get(name.replaceAll('`', ''))?.type, name).toBe(type);
  });
});

describe('the alerts', () => {
  it.each(ALERTS)('$alert asks for metrics that there are', ({ expr }) => {
    const names = metricsIn(expr);
    expect(names.length).toBeGreaterThan(0);
    const known = new Set([...OF_PROMETHEUS, ...found.samples.map(({ name }) => name)]);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(ALERTS)(
    '$alert says in its summary only what its metrics have as labels',
    ({ expr, annotations }) => {
      const used = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      const samples = found.samples.filter(({ name }) => metricsIn(expr).includes(name));
      const known = new Set([
        ...LABELS_OF_PROMETHEUS,
        ...samples.flatMap(({ labels }) => Object.keys(labels)),
      ]);
      expect(used.filter((label) => label === undefined || !known.has(label))).toEqual([]);
    },
  );

  it.each(ALERTS)('$alert has a page that says what it means and what to do', ({ alert, annotations }) => {
    expect(annotations.runbook).toBe(`docs/runbooks/${alert}.md`);
    const headings = read(annotations.runbook)
      .split('\n')
      .filter((line) => line.startsWith('#'));
    expect(headings).toEqual([
      `# ${alert}`,
      '## What it means',
      '## What people notice',
      '## How to look',
      '## What to do',
    ]);
  });

  it('are all the pages that there are, and each is in the list of the how-to and in the rules’ own tests', () => {
    const names = ALERTS.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    expect(readdirSync(`${TOP}docs/runbooks`).sort()).toEqual(names.map((name) => `${name}.md`).sort());
    const listed = tableAfter('## Be warned', read('docs/how-to/metrics.md')).map(
      ([link = '']) => /^\[(\w+)\]/.exec(link)?.[1],
    );
    expect(listed.sort()).toEqual([...names].sort());
    const tests = read('docker/observability/alerts.test.yml');
    for (const name of names) expect(tests).toContain(`alertname: ${name}, `);
  });

  it('and the questions of the how-to ask for metrics that there are', () => {
    const known = new Set(found.samples.map(({ name }) => name));
    const asked = tableAfter('## What to draw', read('docs/how-to/metrics.md')).flatMap(([, cell = '']) =>
      metricsIn(cell),
    );
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });
});

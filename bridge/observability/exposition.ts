import type { HistogramCounts } from '../status.js';

/** Writes metrics as Prometheus reads them: https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4. */

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** What a histogram counted, or one number. */
  readonly value: number | HistogramCounts;
}

export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

/** What stands above the samples of a metric. */
export const headText = ({ name, type, help }: Metric): string =>
  `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;

/** A sample of the metric of this name: one line, or the lines of a histogram. */
export function sampleText(name: string, { labels, value }: Sample): string {
  const inside = labelsText(labels);
  return typeof value === 'number' ? line(name, inside, value) : histogramText(name, inside, value);
}

function histogramText(name: string, labels: string, { buckets, sum, count }: HistogramCounts): string {
  const before = labels === '' ? '' : `${labels},`;
  let text = '';
  for (const { bound, count: upTo } of buckets)
    text += line(`${name}_bucket`, `${before}le="${numberText(bound)}"`, upTo);
  return text + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, count);
}

const line = (name: string, labels: string, value: number): string =>
  `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`;

const labelsText = (labels: Sample['labels']): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');

function numberText(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value);
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

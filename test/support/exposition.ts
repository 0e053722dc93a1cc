/** Reads what a program answers to Prometheus; throws over a line that is not of its text format. */

export interface Read {
  /** By name: what stands in `# TYPE` and `# HELP`. */
  readonly metrics: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  readonly samples: readonly ReadSample[];
}

export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const HEAD = /^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) (.+)$/i;
const SAMPLE = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/i;
const LABEL = /([a-z_][a-z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/gi;
/** Prometheus does not mind their case; prom-client writes `Nan` for the mean of nothing. */
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);
const UNESCAPED: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

export function readExposition(text: string): Read {
  const metrics = new Map<string, { type: string; help: string }>();
  const samples: ReadSample[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword = '', named = '', rest = ''] = HEAD.exec(line) ?? [];
    if (named !== '') {
      const known = metrics.get(named) ?? { type: '', help: '' };
      metrics.set(named, { ...known, [keyword.toLowerCase()]: rest });
      continue;
    }
    samples.push(sampleOf(line));
  }
  return { metrics, samples };
}

function sampleOf(line: string): ReadSample {
  const [, name, inside = '', number = ''] = SAMPLE.exec(line) ?? [];
  const labels = Object.fromEntries(
    [...inside.matchAll(LABEL)].map(([, label = '', value = '']) => [
      label,
      value.replace(/\\["\\n]/g, (escaped) => UNESCAPED[escaped] ?? ''),
    ]),
  );
  const value = SPECIAL.get(number.toLowerCase()) ?? Number(number);
  const isWhole = inside.replace(LABEL, '') === '';
  if (name === undefined || (Number.isNaN(value) && number.toLowerCase() !== 'nan') || !isWhole)
    throw new Error(`not a sample: ${line}`);
  return { name, labels, value };
}

/** The value of a sample that has at least these labels; undefined when there is none or more than one. */
export function sampleValue(
  { samples }: Read,
  name: string,
  labels: ReadSample['labels'] = {},
): number | undefined {
  const found = samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return found.length === 1 ? found[0]?.value : undefined;
}

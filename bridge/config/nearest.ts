/** The known name that is most like `name`, or undefined when none is near enough to be a slip. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.min(Math.max(1, Math.floor(name.length / 3)), name.length - 1);
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { name: candidate, distance };
  }
  return best?.name;
}

/** `; did you mean "…"?`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const found = nearest(name, known);
  return found === undefined ? '' : `; did you mean "${found}"?`;
}

/** Words that other programs have for what a key or a value here says, in small letters. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  user: ['username'],
  login: ['username'],
  account: ['username'],
  pass: ['password'],
  passwd: ['password'],
  filter: ['where', 'selector'],
  condition: ['where'],
  when: ['where'],
  if: ['where'],
  source: ['from'],
  input: ['from', 'given'],
  target: ['to'],
  destination: ['to', 'queue'],
  output: ['to', 'expect'],
  expected: ['expect'],
  dlq: ['deadLetter'],
  headers: ['properties'],
  jmstype: ['type'],
  jmsxgroupid: ['group'],
  groupid: ['group'],
  payload: ['body'],
  message: ['body'],
  expiry: ['ttl'],
  expiration: ['ttl'],
  durablename: ['durable'],
  subscription: ['durable'],
  ssl: ['tls'],
  protocol: ['via'],
  connections: ['lanes'],
  disabled: ['enabled'],
  mosquitto: ['mqtt'],
  emqx: ['mqtt'],
  hivemq: ['mqtt'],
  vernemq: ['mqtt'],
  nanomq: ['mqtt'],
  rabbitmq: ['mqtt'],
  classic: ['activemq'],
};

/** The known key or value that was meant: the nearest in letters, or the one that another program calls so. */
export function meant(name: string, known: readonly string[]): string | undefined {
  const small = name.toLowerCase();
  const synonyms = Object.hasOwn(SYNONYMS, small) ? (SYNONYMS[small] ?? []) : [];
  return synonyms.find((one) => known.includes(one)) ?? nearest(name, known);
}

/** One of the names that looks like a slip for `wanted`: its own error says so, and what is missing need not be told too. */
export function slipFor(
  wanted: string,
  names: Iterable<string>,
  known: readonly string[],
): string | undefined {
  for (const name of names) if (!known.includes(name) && meant(name, known) === wanted) return name;
  return undefined;
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost one each. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

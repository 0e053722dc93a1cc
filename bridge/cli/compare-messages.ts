import { isDeepStrictEqual } from 'node:util';
import type { ExpectedMessage } from '../config/config.js';
import type { Address } from '../message/address.js';
import type { OutboundMessage } from '../message/message.js';

/** One message that comes out of the rules, or a dead letter with its reason. */
export interface Arrival extends Address {
  readonly broker: string;
  readonly message?: OutboundMessage;
  readonly reason?: string;
}

/** One thing about a message that is not as expected; a side without a value has none. */
export interface Difference {
  /** `property room`, `priority`, `body.list[2].name`. */
  readonly where: string;
  readonly expected?: string;
  readonly got?: string;
}

/** What distinguishes the messages that came from those that were expected. */
export interface Comparison {
  readonly missing: readonly ExpectedMessage[];
  readonly different: readonly {
    readonly expected: ExpectedMessage;
    readonly differences: readonly Difference[];
  }[];
  readonly unexpected: readonly Arrival[];
}

/** Every expectation finds the arrival that fits it best, each its own; what is not said of a message is not compared. */
export function compareMessages(
  expected: readonly ExpectedMessage[],
  arrivals: readonly Arrival[],
): Comparison {
  const left = [...arrivals];
  const missing: ExpectedMessage[] = [];
  const different: { expected: ExpectedMessage; differences: Difference[] }[] = [];
  // Those that say most choose first, and those that fit before those that do not.
  const waiting = expected.toSorted((a, b) => demands(b) - demands(a));
  const unmet = waiting.filter((one) => {
    const fit = left.findIndex((arrival) => isAt(one, arrival) && differencesOf(one, arrival).length === 0);
    if (fit !== -1) left.splice(fit, 1);
    return fit === -1;
  });
  for (const one of expected.filter((message) => unmet.includes(message))) {
    const [best] = left
      .filter((arrival) => isAt(one, arrival))
      .map((arrival) => ({ arrival, differences: differencesOf(one, arrival) }))
      .toSorted((a, b) => a.differences.length - b.differences.length);
    if (best === undefined) {
      missing.push(one);
      continue;
    }
    left.splice(left.indexOf(best.arrival), 1);
    different.push({ expected: one, differences: best.differences });
  }
  return { missing, different, unexpected: left };
}

const demands = ({ fields, properties, body }: ExpectedMessage) =>
  fields.size + properties.size + (body === undefined ? 0 : 1);

const isAt = (expected: ExpectedMessage, { kind, name, broker }: Arrival) =>
  kind === expected.kind && name === expected.name && (expected.broker ?? broker) === broker;

function differencesOf(expected: ExpectedMessage, { message, reason }: Arrival): Difference[] {
  if (message === undefined)
    return demands(expected) === 0 ? [] : [{ where: 'it is a dead letter', got: reason ?? '' }];
  const differences: Difference[] = [];
  const compare = (where: string, wanted: unknown, found: unknown) => {
    if (!isDeepStrictEqual(wanted, found)) differences.push(difference(where, wanted, found));
  };
  for (const [name, wanted] of expected.fields) compare(name, wanted, message[name as keyof OutboundMessage]);
  for (const [name, wanted] of expected.properties)
    compare(`property ${name}`, wanted, message.properties.get(name));
  if (expected.body !== undefined) differences.push(...bodyDifferences(expected.body, message.body));
  return differences;
}

function difference(where: string, expected: unknown, got: unknown): Difference {
  return {
    where,
    ...(expected === undefined ? {} : { expected: shown(expected) }),
    ...(got === undefined ? {} : { got: shown(got) }),
  };
}

/** Text is compared with the body's text, everything else with the JSON that it is. */
function bodyDifferences(wanted: unknown, body: string | Buffer): Difference[] {
  const text = body.toString();
  if (typeof wanted === 'string') return wanted === text ? [] : [textDifference('body', wanted, text)];
  try {
    return jsonDifferences('body', wanted, JSON.parse(text) as unknown);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [{ where: 'body', expected: shown(wanted), got: `text that is no JSON: ${shown(text)}` }];
  }
}

/** Characters of a text that are shown in front of where it begins to differ. */
const BEFORE = 20;
/** Characters of a value that are shown. */
const LONGEST = 200;

/** Two long texts are shown from shortly before their first difference. */
function textDifference(where: string, expected: string, got: string): Difference {
  let same = 0;
  while (same < expected.length && expected[same] === got[same]) same++;
  const start = Math.max(0, same - BEFORE);
  if (start === 0 || Math.max(expected.length, got.length) <= 2 * BEFORE)
    return difference(where, expected, got);
  const from = (text: string) => `…${shown(text.slice(start))}`;
  return { where: `${where}, character ${same + 1}`, expected: from(expected), got: from(got) };
}

/** Where two JSON values differ, each place by its path. */
function jsonDifferences(path: string, expected: unknown, got: unknown): Difference[] {
  if (isDeepStrictEqual(expected, got)) return [];
  if (Array.isArray(expected) && Array.isArray(got))
    return Array.from({ length: Math.max(expected.length, got.length) }, (_, index) =>
      jsonDifferences(`${path}[${index}]`, expected[index], got[index]),
    ).flat();
  if (isRecord(expected) && isRecord(got)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(got)]);
    return [...keys].flatMap((key) =>
      jsonDifferences(`${path}${step(key)}`, own(expected, key), own(got, key)),
    );
  }
  if (typeof expected === 'string' && typeof got === 'string') return [textDifference(path, expected, got)];
  return [difference(path, expected, got)];
}

type Dictionary = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Dictionary =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (value: Dictionary, key: string) => (Object.hasOwn(value, key) ? value[key] : undefined);

const step = (key: string) =>
  /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;

/** A value as JSON, cut where it is long. */
function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? String(one) : one)) ?? 'nothing';
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}… (${text.length} characters)`;
}

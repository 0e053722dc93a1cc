import type { z } from 'zod';
import { spelledValue } from './interpolate.js';
import { meant, slipFor } from './nearest.js';
import { deepestAt, type Node, nodeAt, type Path, type Report } from './source.js';

/** A problem found by the schema, unions resolved to the branch that was meant. */
export type Issue = Exclude<z.core.$ZodIssue, { code: 'invalid_union' }> | WrongKind;

/** No branch of a union takes this kind of value. */
interface WrongKind {
  readonly code: 'wrong_kind';
  readonly expected: readonly string[];
  readonly path: PropertyKey[];
}

/** The issues with full paths; of a union those of the first branch that takes the kind of value that is there. */
export function flattenIssues(issues: readonly z.core.$ZodIssue[], base: Path = []): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const path = [...base, ...issue.path];
    if (issue.code !== 'invalid_union') return [{ ...issue, path }];
    const isWrongKind = (one: z.core.$ZodIssue) => one.code === 'invalid_type' && one.path.length === 0;
    const meant = issue.errors.find((branch) => !branch.some(isWrongKind));
    if (meant !== undefined) return flattenIssues(meant, path);
    const expected = issue.errors
      .flat()
      .flatMap((one) => (one.code === 'invalid_type' ? [one.expected] : []));
    return [{ code: 'wrong_kind', expected, path }];
  });
}

/** Puts the schema's problems into words, each at its own place. */
export function reportIssues(
  issues: readonly Issue[],
  keysAt: (path: Path) => readonly string[],
  root: Node,
  report: Report,
): void {
  for (const issue of issues) {
    const node = nodeAt(root, issue.path);
    if (node?.kind === 'scalar' && node.failed) continue;
    if (issue.code === 'unrecognized_keys' && node?.kind === 'map') {
      for (const key of issue.keys) reportKey(key, keysAt(issue.path), node, report);
    } else if (node === undefined) {
      const parent = deepestAt(root, issue.path);
      const names = parent.kind === 'map' ? parent.entries.keys() : [];
      const known = keysAt(issue.path.slice(0, -1));
      if (slipFor(String(issue.path.at(-1)), names, known) !== undefined) continue;
      report.add('error', parent.key ?? parent.start, missing(issue.path));
    } else if (issue.code === 'invalid_key') {
      const [first] = issue.issues;
      report.add('error', node.key ?? node.start, first?.message ?? 'this cannot be a name here');
    } else {
      const within = issue.code === 'custom' ? issue.params?.offset : undefined;
      // Of an address or a host no message quotes anything.
      const quotes = issue.path[0] === 'brokers' || issue.path[0] === 'http' ? {} : { quotes: true as const };
      report.at(node, explain(issue, node), { ...quotes, ...(typeof within === 'number' ? { within } : {}) });
    }
  }
}

/** What to do in place of some keys that a broker does not have. */
const ADVICE: Readonly<Record<string, string>> = {
  port: 'a port stands in the url of its protocol: mqtt: mqtt://host:1883, amqp: amqp://host:5672, stomp: stomp://host:61613',
  url: 'each protocol has a url of its own: mqtt: mqtt://host:1883, amqp: amqp://host:5672, stomp: stomp://host:61613',
};

function reportKey(key: string, known: readonly string[], parent: Node, report: Report): void {
  const offset = nodeAt(parent, [key])?.key ?? parent.start;
  const meantKey = meant(key, known);
  const advice =
    ADVICE[key] !== undefined && known.includes('host')
      ? `; ${ADVICE[key]}`
      : meantKey === undefined
        ? `; known here: ${known.join(', ')}`
        : `; did you mean "${meantKey}"?`;
  // A piece of a password that YAML takes for a key.
  const hidden =
    !report.shown.slice(offset).replace(/^["']/, '').startsWith(key) && report.text.includes(key);
  const problem = hidden
    ? `this is no key known here: ${known.join(', ')}; a value that holds "," or ":" needs quotes`
    : `unknown key "${key}"${advice}`;
  report.add('error', offset, problem);
}

/** What to write, for what every file needs. */
const NEEDED: Readonly<Record<string, string>> = {
  version: 'write version: 1',
  brokers: 'it names the brokers, for example brokers: { activemq: { type: activemq, host: localhost } }',
  routes: 'it names the rules, for example routes: { example: { from: …, to: … } }',
  type: 'say activemq, artemis or mqtt',
  from: 'a route has one source, for example from: { mqtt: "chat/{room}/messages" }',
  tests: 'it lists messages with what has to come out of them',
  to: 'a route has at least one destination, for example to: { queue: chat-archive }',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what to write
  admin: 'it holds the token, for example admin: { token: "${ADMIN_TOKEN}" }',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what to write
  token: 'it is what who sees messages on the dashboard has to show, for example token: ${ADMIN_TOKEN}',
  given: 'it is a message, for example given: { mqtt: chat/lobby/messages, body: hi }',
  expect: 'it lists all that comes out, for example expect: [{ queue: chat-archive }]; [] for nothing',
};

/** The same, inside a `reply`. */
const NEEDED_OF_REPLY: Readonly<Record<string, string>> = {
  from: 'it says where answers come, for example from: { queue: answers }',
  to: 'it says which places an asker may name for its answer, for example to: { temporary: queue }',
};

function missing(path: Path): string {
  const key = String(path.at(-1) ?? '');
  if (path.length === 0) return 'the file is empty';
  const advice = (path.includes('reply') ? NEEDED_OF_REPLY : NEEDED)[key];
  return `"${key}" is missing${advice === undefined ? '' : `; ${advice}`}`;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
};

function explain(issue: Issue, node: Node): string {
  const subject = subjectOf(issue.path);
  switch (issue.code) {
    case 'invalid_type':
      if (issue.path.length === 0 && node.kind === 'scalar' && node.value === null)
        return 'the file is empty';
      return `${subject} must be ${KINDS[issue.expected] ?? issue.expected}, not ${kindOf(node)}${hint([issue.expected], issue.path, node)}`;
    case 'wrong_kind': {
      const wanted = issue.expected.map((kind) => KINDS[kind] ?? kind).join(' or ');
      return `${subject} must be ${wanted}, not ${kindOf(node)}${hint(issue.expected, issue.path, node)}`;
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const wanted = values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`;
      const given = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
      if (given !== undefined && values.includes(given))
        return `${subject} must be ${wanted}, without quotes`;
      const value = given === undefined ? undefined : meant(given, values);
      return `${subject} must be ${wanted}${value === undefined ? '' : `; did you mean "${value}"?`}`;
    }
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `${subject}: ${issue.message}`
        : `${subject} must be at least ${issue.minimum}`;
    case 'too_big':
      return `${subject} must be at most ${issue.maximum}`;
    default:
      return `${subject}: ${issue.message}`;
  }
}

function subjectOf(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return 'the file';
  return typeof last === 'number' ? `an entry of "${String(path.at(-2))}"` : `"${String(last)}"`;
}

function kindOf(node: Node): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  if (node.value === null) return 'empty';
  return KINDS[typeof node.value] ?? typeof node.value;
}

/** Slips that YAML makes easy, and what the key wants. */
function hint(expected: readonly string[], path: Path, node: Node): string {
  const key = String(path.at(-1) ?? '');
  const value = node.kind === 'scalar' ? node.value : undefined;
  const text =
    typeof value === 'string' && node.kind === 'scalar' && node.inserted === undefined ? value : '';
  if (key === 'durable' && typeof value === 'boolean')
    return '; it is the name of the subscription, for example durable: my-application';
  if (expected.includes('object') || expected.includes('record') || expected.includes('array')) {
    if (path.length === 1 && node.kind === 'list')
      return '; its entries have their names as keys: example: { … }, without "-"';
    const advice = NEEDED[key];
    return advice === undefined ? '' : `; ${advice}`;
  }
  if (expected.includes('boolean') && /^(?:yes|on|y)$/i.test(text)) return '; write true';
  if (expected.includes('boolean') && /^(?:no|off|n)$/i.test(text)) return '; write false';
  if (expected.some((one) => one === 'number' || one === 'boolean') && spelledValue(text) !== undefined)
    return '; leave out the quotes';
  if (!expected.includes('string')) return '';
  if (node.kind === 'map') return '; text that begins with { needs quotes: "{name}"';
  if (node.kind === 'scalar' && value !== null) return '; put it in quotes';
  return '';
}

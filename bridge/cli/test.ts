import { isDeepStrictEqual } from 'node:util';
import type { Config, ExpectedMessage, TestCase } from '../config/config.js';
import type { OutboundMessage } from '../message/message.js';
import { type Context, EXIT, type ExitCode } from './context.js';
import { loadMapping } from './mapping.js';
import { brokerFor, messageFrom, type RouteTrial, tryRoutes } from './trial.js';

/** Runs the `tests` of a mapping file and prints where what comes out differs from what was expected. */
export async function test(file: string, context: Context): Promise<ExitCode> {
  const config = await loadMapping(file, context.env, context.complain);
  if (config.tests.length === 0) {
    context.complain(`${file} has no tests; write some under "tests:"`);
    return EXIT.failed;
  }
  const used = new Set<string>();
  let failed = 0;
  for (const one of config.tests) {
    const trials = tryRoutes(
      config,
      messageFrom(one.given.address, one.given.body, one.given),
      brokerFor(config, one.given.broker),
    );
    for (const { route, verdict } of trials) if (verdict.kind === 'takes') used.add(route.name);
    const problems = differences(one, arrivals(trials));
    if (problems.length > 0) failed++;
    context.say(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${one.name}`);
    for (const problem of problems) context.say(`     ${problem}`);
  }
  context.say(`${config.tests.length - failed} passed, ${failed} failed`);
  for (const name of untested(config, used)) context.say(`no test makes a message go through ${name}`);
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/** One message that comes out, or a dead letter with its reason. */
interface Arrival {
  readonly broker: string | undefined;
  readonly kind: string;
  readonly name: string;
  readonly message?: OutboundMessage;
  readonly reason?: string;
}

function arrivals(trials: readonly RouteTrial[]): Arrival[] {
  return trials.flatMap(({ route, verdict }): Arrival[] => {
    const deadLetter = (reason: string): Arrival => ({
      broker: undefined,
      kind: 'queue',
      name: route.deadLetter,
      reason,
    });
    if (verdict.kind === 'fails') return [deadLetter(verdict.error.message)];
    if (verdict.kind !== 'takes') return [];
    return verdict.results.map((result) =>
      'error' in result
        ? deadLetter(result.error.message)
        : { broker: result.to.broker, ...result.message.to, message: result.message },
    );
  });
}

/** Every expectation finds a message of its own, and no message is left over. */
function differences({ expect }: TestCase, actual: readonly Arrival[]): string[] {
  const left = [...actual];
  // Those that say most choose first.
  const demanding = expect.toSorted((a, b) => demands(b) - demands(a));
  const problems = demanding.flatMap((expected): string[] => {
    const candidates = left.filter((one) => isAt(expected, one));
    const match = candidates.find((one) => fieldProblems(expected, one).length === 0) ?? candidates[0];
    if (match === undefined) return [`nothing comes to ${expected.kind} ${expected.name}`];
    left.splice(left.indexOf(match), 1);
    return fieldProblems(expected, match).map((problem) => `${expected.kind} ${expected.name}: ${problem}`);
  });
  return [
    ...problems,
    ...left.map(({ kind, name, reason }) =>
      reason === undefined
        ? `not expected: ${kind} ${name}`
        : `not expected: a dead letter (queue ${name}): ${reason}`,
    ),
  ];
}

const demands = ({ fields, properties, body }: ExpectedMessage) =>
  fields.size + properties.size + (body === undefined ? 0 : 1);

const isAt = (expected: ExpectedMessage, { kind, name, broker }: Arrival) =>
  kind === expected.kind &&
  name === expected.name &&
  (broker === undefined || (expected.broker ?? broker) === broker);

function fieldProblems(expected: ExpectedMessage, { message }: Arrival): string[] {
  if (message === undefined) return demands(expected) > 0 ? ['it is a dead letter'] : [];
  const problems: string[] = [];
  const compare = (what: string, wanted: unknown, found: unknown) => {
    if (!isDeepStrictEqual(wanted, found)) problems.push(`${what} is ${shown(found)}, not ${shown(wanted)}`);
  };
  for (const [name, wanted] of expected.fields) compare(name, wanted, message[name as keyof OutboundMessage]);
  for (const [name, wanted] of expected.properties)
    compare(`property ${name}`, wanted, message.properties.get(name));
  if (expected.body !== undefined) compare('the body', expected.body, bodyLike(expected.body, message.body));
  return problems;
}

/** Text is compared with the body's text, everything else with the JSON that it is. */
function bodyLike(wanted: unknown, body: string | Buffer): unknown {
  const text = body.toString();
  if (typeof wanted === 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const shown = (value: unknown) =>
  value === undefined
    ? 'missing'
    : JSON.stringify(value, (_key, one) => (typeof one === 'bigint' ? String(one) : one));

function untested(config: Config, used: ReadonlySet<string>): string[] {
  return config.routes.filter(({ enabled, name }) => enabled && !used.has(name)).map(({ name }) => name);
}

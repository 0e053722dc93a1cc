import type { Config, ExpectedMessage, TestCase } from '../config/config.js';
import { deadLetterPlace } from '../config/dead-letter-place.js';
import { formatDiagnostics } from '../config/load.js';
import { isTestFile, loadTests, testFilesFor } from '../config/load-tests.js';
import { BridgeError } from '../errors.js';
import { type Arrival, type Comparison, compareMessages, type Difference } from './compare-messages.js';
import { type Context, EXIT, type ExitCode } from './context.js';
import { loadMapping } from './mapping.js';
import { brokerFor, messageFrom, type RouteTrial, tryRoutes } from './trial.js';
import { describeTrial, nearnessOf, printable } from './trial-words.js';

/**
 * Runs the tests of a mapping file, those in it and those in a file of tests beside it, and prints where what comes out
 * differs from what was expected.
 */
export async function test(file: string, context: Context): Promise<ExitCode> {
  if (isTestFile(file))
    throw new BridgeError(
      'configuration-invalid',
      `${file} holds tests; name the mapping file that they are for: ${file.replace(/\.test(?=\.ya?ml$)/, '')}`,
    );
  const config = await loadMapping(file, context.env, context.complain);
  const tests = [...config.tests, ...(await testsBeside(file, config, context))];
  if (tests.length === 0) {
    context.complain(`${file} has no tests; write some under "tests:", there or in ${besideName(file)}`);
    return EXIT.failed;
  }
  const used = new Set<string>();
  let failed = 0;
  for (const one of tests) {
    const { address, body, properties, broker, ...headers } = one.given;
    const trials = tryRoutes(
      config,
      messageFrom(address, body, properties, headers),
      brokerFor(config, broker, address),
    );
    for (const { route, verdict } of trials)
      if (verdict.kind === 'takes' && verdict.results.some((result) => 'message' in result))
        used.add(route.name);
    const problems = problemsOf(one, trials, config);
    if (problems.length > 0) failed++;
    context.say(problems.length === 0 ? `ok   ${one.name}` : `FAIL ${one.name} (${one.file}:${one.line})`);
    for (const problem of problems) context.say(`     ${problem}`);
  }
  context.say(`${tests.length - failed} passed, ${failed} failed`);
  for (const name of untested(config, used)) context.say(`no test makes a message go through ${name}`);
  return failed === 0 ? EXIT.done : EXIT.failed;
}

const besideName = (file: string) => `${file.replace(/\.ya?ml$/, '')}.test.yaml`;

/** @throws BridgeError configuration-invalid, after every problem was told */
async function testsBeside(file: string, config: Config, context: Context): Promise<TestCase[]> {
  const tests: TestCase[] = [];
  const invalid: string[] = [];
  for (const testFile of await testFilesFor(file)) {
    const result = await loadTests(testFile, [...config.brokers.keys()], context.env);
    if (result.ok) tests.push(...result.tests);
    else {
      for (const lines of formatDiagnostics(result.diagnostics, result.text)) context.complain(lines);
      invalid.push(testFile);
    }
  }
  if (invalid.length > 0)
    throw new BridgeError(
      'configuration-invalid',
      `${invalid.join(' and ')}: not a valid file of tests; no test was run`,
    );
  return tests;
}

function arrivals(trials: readonly RouteTrial[], brokers: Config['brokers']): Arrival[] {
  return trials.flatMap(({ route, verdict }): Arrival[] => {
    const deadLetter = (reason: string): Arrival => {
      const { broker, address } = deadLetterPlace(route, brokers);
      return { broker, ...address, reason };
    };
    if (verdict.kind === 'fails') return [deadLetter(verdict.error.message)];
    if (verdict.kind !== 'takes') return [];
    return verdict.results.map((result) =>
      'error' in result
        ? deadLetter(result.error.message)
        : { broker: result.to.broker, ...result.message.to, message: result.message },
    );
  });
}

/** Lines that tell what is not as expected; none when all is. */
function problemsOf({ expect }: TestCase, trials: readonly RouteTrial[], { brokers }: Config): string[] {
  const comparison = compareMessages(expect, arrivals(trials, brokers));
  const severalBrokers = brokers.size > 1;
  return [
    ...comparison.different.flatMap(({ expected, differences }) => [
      `${placed(expected, severalBrokers)} is not as expected:`,
      ...differenceLines(differences).map((line) => `  ${line}`),
    ]),
    ...comparison.missing.map((expected) => `nothing comes to ${placed(expected, severalBrokers)}`),
    ...reasons(comparison, trials, brokers),
    ...comparison.unexpected.flatMap((arrival) => unexpectedLines(arrival, severalBrokers)),
  ];
}

function placed({ kind, name, broker }: ExpectedMessage | Arrival, severalBrokers: boolean): string {
  return severalBrokers && broker !== undefined ? `${kind} ${name} on ${broker}` : `${kind} ${name}`;
}

function unexpectedLines(arrival: Arrival, severalBrokers: boolean): string[] {
  const place = placed(arrival, severalBrokers);
  if (arrival.message === undefined)
    return [`not expected: a dead letter (${place}): ${arrival.reason ?? ''}`];
  const { body } = arrival.message;
  return [`not expected: ${place}`, `  its body: ${cut(typeof body === 'string' ? body : body.toString())}`];
}

/** Characters of a body that are shown. */
const LONGEST = 200;
const cut = (text: string) =>
  text.length <= LONGEST ? printable(text) : `${printable(text.slice(0, LONGEST))}…`;

/** Differences of one message that are shown. */
const MOST_DIFFERENCES = 10;

function differenceLines(differences: readonly Difference[]): string[] {
  const lines = differences.slice(0, MOST_DIFFERENCES).flatMap(({ where, expected, got }) => {
    if (expected === undefined) return got === undefined ? [where] : [`${where}: not expected: ${got}`];
    return [
      `${where}: expected ${expected}`,
      `${' '.repeat(where.length)}       got ${got ?? 'nothing: it is not there'}`,
    ];
  });
  const more = differences.length - MOST_DIFFERENCES;
  return more > 0 ? [...lines, `and ${more} more differences`] : lines;
}

/** Rules that are told of when something did not come. */
const MOST_REASONS = 3;

/** Why something that was expected does not come: the rules that came nearest to sending it. */
function reasons(
  { missing }: Comparison,
  trials: readonly RouteTrial[],
  brokers: Config['brokers'],
): string[] {
  if (missing.length === 0) return [];
  return trials
    .filter((trial) => trial.verdict.kind !== 'takes' && nearnessOf(trial) >= 0)
    .toSorted((a, b) => nearnessOf(b) - nearnessOf(a))
    .slice(0, MOST_REASONS)
    .flatMap((trial) => describeTrial(trial, brokers).map((line) => `  ${line}`));
}

function untested(config: Config, used: ReadonlySet<string>): string[] {
  return config.routes.filter(({ enabled, name }) => enabled && !used.has(name)).map(({ name }) => name);
}

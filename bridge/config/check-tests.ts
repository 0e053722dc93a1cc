import type { PlaceOfTest } from './build.js';
import { didYouMean } from './nearest.js';
import { KINDS } from './resolve.js';
import type { TestInput } from './schema.js';
import { type Node, nodeAt, type Report } from './source.js';

/** Every message of a test has one address, on one of these brokers. */
export function checkTests(
  tests: readonly TestInput[],
  brokers: readonly string[],
  root: Node,
  report: Report,
): void {
  tests.forEach((test, index) => {
    const at = (...path: (string | number)[]) => nodeAt(root, ['tests', index, ...path]);
    checkMessage(at('given'), brokers, report);
    const { broker } = test.given;
    const given = at('given');
    if (broker === undefined && brokers.length > 1 && given !== undefined)
      report.add(
        'error',
        given.key ?? given.start,
        `say which "broker" it comes from: ${brokers.join(', ')}`,
      );
    test.expect.forEach((_, number) => {
      checkMessage(at('expect', number), brokers, report);
    });
  });
}

function checkMessage(node: Node | undefined, brokers: readonly string[], report: Report): void {
  if (node?.kind !== 'map') return;
  const [first, ...others] = KINDS.flatMap((kind) => node.entries.get(kind) ?? []);
  if (first === undefined)
    report.add(
      'error',
      node.key ?? node.start,
      'a message of a test has exactly one of "mqtt", "queue" and "topic"',
    );
  for (const other of others)
    report.add('error', other.key ?? other.start, 'a message has one address; this is another one');
  const replyTo = node.entries.get('replyTo');
  if (replyTo?.kind === 'map' && KINDS.filter((kind) => replyTo.entries.has(kind)).length !== 1)
    report.add(
      'error',
      replyTo.key ?? replyTo.start,
      '"replyTo" needs exactly one of "mqtt", "queue" and "topic"',
    );
  const broker = node.entries.get('broker');
  if (broker?.kind === 'scalar' && typeof broker.value === 'string' && !brokers.includes(broker.value))
    report.at(broker, `there is no broker "${broker.value}"${didYouMean(broker.value, brokers)}`);
}

/** Where each of the tests below `tests` stands. */
export function placesOfTests(root: Node, report: Report): PlaceOfTest {
  return (index) => {
    const node = nodeAt(root, ['tests', index]);
    return { file: report.file, line: node === undefined ? 1 : report.lineOf(node) };
  };
}

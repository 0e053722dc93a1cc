import { parsePattern } from '../routing/pattern.js';
import { AddressSets, levelsOfPattern } from './address-set.js';
import { described, type Ends, type SinkEnd, type SourceEnd } from './ends.js';
import { type Node, nodeAt, type Report } from './source.js';

type End = SourceEnd | SinkEnd;

/** Finds destinations that are one to the broker, or that people get twice, though the file gives them two names. */
export function checkSameNames(routes: readonly Ends[], root: Node, report: Report): void {
  checkQueuesAndTopics(routes, root, report);
  for (const { from, to } of routes)
    if (from !== undefined) for (const sink of to) checkTwice(from, sink, report);
}

/** A queue of an Artemis broker, and where it is named. */
type Queue = Pick<End, 'kind' | 'text' | 'broker' | 'levels' | 'node'> & { readonly deadLetters?: true };

/**
 * To Artemis a queue and a topic of one name are one address: an MQTT subscriber of that name takes the queue's messages, an
 * MQTT message to it goes to the queue and to no MQTT subscriber with a wildcard (seen with 2.40.0), and a subscription over
 * AMQP can be refused.
 */
function checkQueuesAndTopics(routes: readonly Ends[], root: Node, report: Report): void {
  const topics = new AddressSets<End>();
  for (const { from, to } of routes)
    for (const end of [...(from === undefined ? [] : [from]), ...to])
      if (end.type === 'artemis' && end.kind !== 'queue') topics.add(end.broker, end.levels, end);
  const told = new Set<string>();
  for (const queue of routes.flatMap((one) => queuesOf(one, root))) {
    const topic = mostFixed(topics.meeting(queue.broker, queue.levels));
    const key = JSON.stringify([queue.broker, queue.text]);
    if (topic === undefined || told.has(key)) continue;
    told.add(key);
    const other = `${described(topic)} (line ${report.lineOf(topic.node)})`;
    const what = 'can be one address: what is meant for one reaches the other, or is refused';
    report.at(
      queue.node,
      queue.deadLetters
        ? `dead letters of this route go to ${described(queue)}; on Artemis that and ${other} ${what}; name another queue in "deadLetter"`
        : `on Artemis ${described(queue)} and ${other} ${what}; give the queue another beginning`,
      { severity: 'warning' },
    );
  }
}

/** The one whose name says most: it helps more to be told of `chat/{x}` than of `{all...}`. */
function mostFixed(ends: Iterable<End>): End | undefined {
  const fixed = ({ levels }: End) => levels.filter((level) => level !== 'rest' && 'only' in level).length;
  return [...ends].toSorted((a, b) => fixed(b) - fixed(a))[0];
}

function queuesOf({ route, rule, from, to }: Ends, root: Node): Queue[] {
  const ends: readonly End[] = [...to, ...(from === undefined ? [] : [from])];
  const queues: Queue[] = ends.filter(({ kind, type }) => kind === 'queue' && type === 'artemis');
  // Dead letters go to the first broker of the route that has queues.
  const keeper = ends.find(({ type }) => type !== 'mqtt');
  const node = nodeAt(root, ['routes', route, 'deadLetter']) ?? from?.node;
  if (keeper?.type !== 'artemis' || node === undefined) return queues;
  const levels = levelsOfPattern(parsePattern('queue', rule.deadLetter));
  return [
    ...queues,
    { kind: 'queue', text: rule.deadLetter, broker: keeper.broker, levels, node, deadLetters: true },
  ];
}

/**
 * A JMS topic chat.x is the MQTT topic chat/x on the same broker: who subscribes to all below chat gets the message that the
 * route took and the one that it made of it.
 */
function checkTwice(from: SourceEnd, sink: SinkEnd, report: Report): void {
  if (from.kind !== 'mqtt' || sink.kind !== 'topic' || sink.broker !== from.broker) return;
  const [first] = from.levels;
  const [other] = sink.levels;
  if (first === undefined || first === 'rest' || !('only' in first) || other === undefined) return;
  if (other === 'rest' || !('only' in other) || other.only !== first.only) return;
  // A loop is worse, and said already.
  if (report.hasAt(sink.node)) return;
  report.at(
    sink.node,
    `on this broker the JMS topic ${sink.text} is the MQTT topic ${sink.text.replaceAll('.', '/')}: who subscribes to ${first.only}/# gets each message twice; begin it with another word than "${first.only}"`,
    { severity: 'warning' },
  );
}

import type { AddressKind } from '../message/address.js';
import { parsePattern } from '../routing/pattern.js';
import { AddressSets, levelsOfPattern, levelsOfTemplate } from './address-set.js';
import { parseDestination } from './destination.js';
import { addressOf, brokerOf, listOf } from './resolve.js';
import type { FromInput, Mapping, RouteInput } from './schema.js';
import { type Node, nodeAt, type Report } from './source.js';

/** A file can hold more loops than anyone reads. */
const MOST_LOOPS = 20;

interface Rule {
  readonly name: string;
  readonly route: RouteInput;
}

/** A step from a rule to one that takes what it sends. */
interface Step {
  readonly next: Rule;
  /** Which destination; of an answer, which place that an asker may name. */
  readonly to: number;
  readonly answer?: true;
}

type SpaceOf = (broker: string, kind: AddressKind) => string;

/** An asker can have its answer sent to wherever its rule allows, so what reads there is fed by that rule. */
function answerSteps(
  { from, reply }: RouteInput,
  sources: AddressSets<Rule>,
  brokers: readonly string[],
  spaceOf: SpaceOf,
): Step[] {
  const broker = brokerOf(from, brokers);
  if (reply === undefined || broker === undefined) return [];
  return listOf(reply.to).flatMap((target, to) => {
    const address = addressOf(target);
    if (address === undefined) return [];
    const levels = levelsOfPattern(parsePattern(address.kind, address.text));
    const space = spaceOf(broker, address.kind);
    return [...sources.meeting(space, levels)].map((next) => ({ next, to, answer: true as const }));
  });
}

/** Answers come to a place of their own: what another rule takes from there is no answer any more. */
function checkAnswers(
  rules: readonly Rule[],
  sources: AddressSets<Rule>,
  {
    brokers,
    spaceOf,
    root,
    report,
  }: {
    readonly brokers: readonly string[];
    readonly spaceOf: SpaceOf;
    readonly root: Node;
    readonly report: Report;
  },
): void {
  const answers = new AddressSets<Rule>();
  for (const rule of rules) {
    const from = rule.route.reply?.from;
    const address = from && addressOf(from);
    const broker = from && brokerOf(from, brokers);
    const node = nodeAt(root, ['routes', rule.name, 'reply', 'from', address?.kind ?? '']);
    if (address === undefined || broker === undefined || node === undefined) continue;
    const space = spaceOf(broker, address.kind);
    const levels = levelsOfPattern(parsePattern(address.kind, address.text));
    const [reader] = sources.meeting(space, levels);
    const [other] = answers.meeting(space, levels);
    answers.add(space, levels, rule);
    if (reader !== undefined)
      report.at(node, `the route "${reader.name}" reads this too; answers need a place of their own`);
    else if (other !== undefined)
      report.at(
        node,
        `answers for the route "${other.name}" come here too, and neither knows the requests of the other; give each a place of its own`,
      );
  }
}

/** Finds rules that can feed each other in a circle, and rules that compete for the messages of one queue or group. */
export function checkLoops(mapping: Mapping, root: Node, report: Report): void {
  const rules = Object.entries(mapping.routes)
    .filter(([, route]) => route.enabled)
    .map(([name, route]): Rule => ({ name, route }));
  const brokers = Object.keys(mapping.brokers);
  const spaceOf = (broker: string, kind: AddressKind) => {
    // On Classic and Artemis the MQTT topic a/b is the JMS topic a.b.
    const plainMqtt = mapping.brokers[broker]?.type === 'mqtt';
    return `${kind === 'queue' || plainMqtt ? kind : 'topic'} ${broker}`;
  };
  const sources = new AddressSets<Rule>();
  for (const rule of rules) {
    const address = addressOf(rule.route.from);
    const broker = brokerOf(rule.route.from, brokers);
    if (address === undefined || broker === undefined) continue;
    const space = spaceOf(broker, address.kind);
    const levels = levelsOfPattern(parsePattern(address.kind, address.text));
    if (address.kind === 'queue' || rule.route.from.share !== undefined)
      warnOfCompetitors(rule, sources.meeting(space, levels), root, report);
    sources.add(space, levels, rule);
  }
  checkAnswers(rules, sources, { brokers, spaceOf, root, report });
  const stepsOf = ({ route }: Rule): Step[] => [
    ...answerSteps(route, sources, brokers, spaceOf),
    ...listOf(route.to).flatMap((end, to) => {
      const address = addressOf(end);
      const broker = brokerOf(end, brokers);
      if (address === undefined || broker === undefined) return [];
      const levels = levelsOfTemplate(address.kind, parseDestination(address.kind, address.text));
      return [...sources.meeting(spaceOf(broker, address.kind), levels)].map((next) => ({ next, to }));
    }),
  ];
  findLoops(rules, stepsOf, (loop) => reportLoop(loop, root, report));
}

type LoopStep = Step & { readonly rule: Rule };

/** Depth first without recursion (a chain may have ten thousand rules): a step back onto the way is a loop. */
function findLoops(
  rules: readonly Rule[],
  stepsOf: (rule: Rule) => readonly Step[],
  onLoop: (loop: readonly LoopStep[]) => void,
): void {
  const done = new Set<Rule>();
  let loops = 0;
  for (const start of rules) {
    if (done.has(start)) continue;
    const way = [{ rule: start, steps: stepsOf(start), at: 0 }];
    const onWay = new Map<Rule, number>([[start, 0]]);
    for (let here = way.at(-1); here !== undefined; here = way.at(-1)) {
      const step = here.steps[here.at++];
      if (step === undefined) {
        done.add(here.rule);
        onWay.delete(here.rule);
        way.pop();
        continue;
      }
      const back = onWay.get(step.next);
      if (back !== undefined) {
        onLoop(way.slice(back).map(({ rule, steps, at }) => ({ rule, ...(steps[at - 1] ?? step) })));
        if (++loops >= MOST_LOOPS) return;
      } else if (!done.has(step.next)) {
        onWay.set(step.next, way.length);
        way.push({ rule: step.next, steps: stepsOf(step.next), at: 0 });
      }
    }
  }
}

function reportLoop(loop: readonly LoopStep[], root: Node, report: Report): void {
  const [first] = loop;
  if (first === undefined) return;
  const { route, name } = first.rule;
  const to = nodeAt(root, ['routes', name, ...(first.answer ? ['reply'] : []), 'to']);
  const end = to?.kind === 'list' ? to.items[first.to] : to;
  if (end === undefined) return;
  const ends = first.answer ? listOf(route.reply?.to ?? []) : listOf(route.to);
  const address = addressOf(ends[first.to] ?? {});
  const place = nodeAt(end, [address?.kind ?? '']) ?? end;
  const chain = [...loop.map(({ rule }) => rule.name), name].join(' -> ');
  const why = 'what a rule of this circle sends can come back to it (an MQTT topic a/b is the JMS topic a.b)';
  // A selector may keep out what the circle sends; whether it does, the broker alone can tell.
  const guarded = loop.some(({ rule }) => rule.route.from.selector !== undefined);
  report.at(place, `these routes can feed each other in a loop: ${chain}; ${why}`, {
    severity: guarded ? 'warning' : 'error',
  });
}

function warnOfCompetitors(rule: Rule, others: ReadonlySet<Rule>, root: Node, report: Report): void {
  const other = [...others].find(({ route }) => compete(rule.route.from, route.from));
  const kind = rule.route.from.queue === undefined ? 'share' : 'queue';
  const node = nodeAt(root, ['routes', rule.name, 'from', kind]);
  if (other === undefined || node === undefined) return;
  // The one that gets a message which its `where` does not want accepts and forgets it.
  const loses = rule.route.where !== undefined || other.route.where !== undefined;
  const single = kind === 'queue' ? 'use a "selector" in each instead' : 'give each a group of its own';
  const advice = loses
    ? `what the "where" of one does not want is lost to the other; ${single}`
    : 'give one route several destinations instead';
  report.at(
    node,
    `the route "${other.name}" takes from this ${kind === 'queue' ? 'queue' : 'group'} too: each message goes to only one of them; ${advice}`,
    { severity: loses ? 'error' : 'warning' },
  );
}

/** Filters of a group that are not the same text are groups of their own; routes of one session get every message. */
function compete(one: FromInput, other: FromInput): boolean {
  if (one.queue !== undefined) return one.selector === undefined && other.selector === undefined;
  if (one.mqtt === undefined || other.mqtt === undefined || one.share !== other.share) return false;
  if (one.connection !== undefined && one.connection === other.connection) return false;
  const filterOf = (text: string) => JSON.stringify(parsePattern('mqtt', text).levels);
  return filterOf(one.mqtt) === filterOf(other.mqtt);
}

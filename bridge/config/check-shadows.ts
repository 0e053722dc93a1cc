import type { PatternLevel } from '../message/address.js';
import { encodeLevel } from '../routing/name-codec.js';
import type { CapturePattern } from '../routing/pattern.js';
import { AddressSets } from './address-set.js';
import { described, type Ends, type SinkEnd, type SourceEnd, spaceOf } from './ends.js';
import type { Report } from './source.js';

/** Comparisons of destinations at most, where thousands of routes read what one other reads: a file is not worth a minute. */
const MOST_COMPARISONS = 200_000;

interface Rule extends Ends {
  readonly from: SourceEnd;
  readonly order: number;
}

/** The rules that take every message of one pattern, and where these go. */
interface Takers {
  readonly pattern: CapturePattern;
  readonly rules: Rule[];
  /** The first rule that sends to each destination. */
  readonly destinations: Map<string, Rule>;
}

/**
 * Finds routes that send what another one sends already: every route takes a message that it matches, so each message comes
 * to that destination twice. Two readers of one queue are another matter: each message goes to one of them.
 */
export function checkShadows(routes: readonly Ends[], report: Report): void {
  const rules = routes.flatMap((one, order): Rule[] =>
    one.from === undefined || one.from.kind === 'queue' || isShared(one.from)
      ? []
      : [{ ...one, from: one.from, order }],
  );
  for (const { to, from } of routes) if (from !== undefined) checkWithin(to, from, report);
  const { byPattern, bySet } = takersOf(rules);
  const told = new Set<SinkEnd>();
  const tell = (sink: SinkEnd, other: Rule | undefined) => {
    if (other === undefined || told.has(sink)) return;
    told.add(sink);
    report.at(
      sink.node,
      `the route "${other.route}" takes every message that this one takes and sends it to ${described(sink)} too, so each comes there twice; leave one of the two out, or part them with "where"`,
      { severity: 'warning' },
    );
  };
  let comparisons = 0;
  for (const rule of rules) {
    const { pattern } = rule.from;
    const own = byPattern.get(patternKey(rule));
    for (const sink of rule.to) {
      const first = own?.destinations.get(identity(sink, pattern, pattern));
      // Of two that do the same the later one is told of.
      if (first !== undefined && (first.order < rule.order || !takesAll(rule))) tell(sink, first);
    }
    for (const takers of bySet.meeting(spaceOf(rule.from), rule.from.levels)) {
      if (takers === own || !covers(takers.pattern, pattern)) continue;
      comparisons += takers.rules.length;
      if (comparisons > MOST_COMPARISONS) return;
      const theirs = destinationsOf(takers.rules, pattern);
      for (const sink of rule.to) tell(sink, theirs.get(identity(sink, pattern, pattern)));
    }
  }
}

function takersOf(rules: readonly Rule[]): { byPattern: Map<string, Takers>; bySet: AddressSets<Takers> } {
  const byPattern = new Map<string, Takers>();
  const bySet = new AddressSets<Takers>();
  for (const rule of rules) {
    if (!takesAll(rule)) continue;
    const { pattern, levels } = rule.from;
    let takers = byPattern.get(patternKey(rule));
    if (takers === undefined) {
      takers = { pattern, rules: [], destinations: new Map() };
      byPattern.set(patternKey(rule), takers);
      bySet.add(spaceOf(rule.from), levels, takers);
    }
    takers.rules.push(rule);
    for (const [key, first] of destinationsOf([rule], pattern))
      if (!takers.destinations.has(key)) takers.destinations.set(key, first);
  }
  return { byPattern, bySet };
}

const patternKey = ({ from }: Rule) => JSON.stringify([spaceOf(from), from.levels]);

/** Where the rules send the messages of a pattern that they all take. */
function destinationsOf(rules: readonly Rule[], narrow: CapturePattern): Map<string, Rule> {
  return new Map(
    rules
      .toReversed()
      .flatMap((rule) => rule.to.map((sink) => [identity(sink, rule.from.pattern, narrow), rule])),
  );
}

/** A group shares its messages out, as a queue does. */
const isShared = ({ end }: SourceEnd) => 'share' in end && end.share !== undefined;

const takesAll = ({ rule }: Ends) => rule.where === undefined && rule.from.selector === undefined;

function checkWithin(sinks: readonly SinkEnd[], from: SourceEnd, report: Report): void {
  const seen = new Map<string, SinkEnd>();
  for (const sink of sinks) {
    const key = identity(sink, from.pattern, from.pattern);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, sink);
    else
      report.at(
        sink.node,
        `the route sends to ${described(sink)} already, in line ${report.lineOf(first.node)}: each message comes there twice; leave one of the two out`,
        { severity: 'warning' },
      );
  }
}

/** Does the one pattern take every name that the other takes? */
function covers(wide: CapturePattern, narrow: CapturePattern): boolean {
  for (let index = 0; ; index++) {
    const ours = wide.levels[index];
    const theirs = narrow.levels[index];
    if (ours === undefined || theirs === undefined) return ours === undefined && theirs === undefined;
    // MQTT 3.1.1 section 4.7.2: a wildcard at the start does not take names that begin with `$`.
    const hidden = index === 0 && typeof theirs === 'object' && theirs.literal.startsWith('$');
    if (ours === 'rest') return !hidden;
    if (ours === 'one' ? theirs === 'rest' || hidden : !isSame(ours, theirs)) return false;
  }
}

const isSame = (a: { readonly literal: string }, b: PatternLevel) =>
  typeof b === 'object' && a.literal === b.literal;

/**
 * What a destination makes of messages, for comparison: names of captures do not matter, only which level of the source they
 * are. `narrow` are the messages in question: where it has a fixed level, so has the capture.
 */
function identity(sink: SinkEnd, captured: CapturePattern, narrow: CapturePattern): string {
  const levels = new Map(
    [...captured.captures].map(([index, name]) => [name, levelAt(captured, narrow, index)]),
  );
  const name = sink.template.parts.map((part) => {
    if (typeof part === 'string') return part;
    const level = levels.get(part.source);
    if (level !== undefined) return level.literal === undefined ? level.mark : encodeLevel(level.literal);
    return `{${part.source.replace(/[A-Za-z_]\w*/g, (word) => levels.get(word)?.mark ?? word)}}`;
  });
  // With another body it is another message.
  const { body, type } = sink.end;
  const separated = sink.kind === 'mqtt' ? name.join('').replaceAll('/', '.') : name.join('');
  return JSON.stringify([spaceOf(sink), separated, body, type]);
}

interface CapturedLevel {
  readonly mark: string;
  readonly literal?: string;
}

function levelAt(captured: CapturePattern, narrow: CapturePattern, index: number): CapturedLevel {
  const level = narrow.levels[index];
  const several = captured.levels[index] === 'rest' && (level === 'rest' || narrow.levels.length > index + 1);
  if (several) return { mark: `{#${index}...}` };
  const mark = `{#${index}}`;
  return typeof level === 'object' ? { mark, literal: level.literal } : { mark };
}

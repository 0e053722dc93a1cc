import type { BrokerType } from '../connectors/connector.js';
import { LEVEL_SEPARATOR } from '../message/address.js';
import { AddressSets, type LevelSet } from './address-set.js';
import { described, type Ends, type SinkEnd, type SourceEnd } from './ends.js';
import type { Report } from './source.js';

/** Bytes of an MQTT topic at most (MQTT 3.1.1 section 1.5.3). */
const LONGEST_TOPIC = 65_535;

type End = SourceEnd | SinkEnd;

/** Finds names that brokers keep for themselves, and names that are surely a slip. */
export function checkNames(routes: readonly Ends[], report: Report): void {
  for (const { from, to } of routes) {
    if (from !== undefined) {
      checkSource(from, report);
      checkText(from, report);
    }
    for (const sink of to) {
      checkSink(sink, report);
      checkText(sink, report);
      if (from !== undefined) checkDollars(from, sink, report);
    }
  }
}

const warn = (report: Report, end: End, message: string) =>
  report.at(end.node, message, { severity: 'warning' });

function checkSource(end: SourceEnd, report: Report): void {
  const { kind, text, type } = end;
  const shared = text.startsWith('$share/');
  if (kind === 'mqtt' && text.startsWith('$') && !shared) {
    if (type === 'activemq')
      warn(report, end, 'ActiveMQ Classic never delivers on topics that begin with $: nothing will come');
    else if (type === 'artemis' && firstLevel(end) === '$SYS')
      warn(report, end, 'Artemis publishes nothing under $SYS (Mosquitto does): nothing will come');
  }
  if (type !== 'activemq') return;
  if (end.rule.where === undefined && takesAdvisories(end))
    warn(
      report,
      end,
      `this takes the broker's own messages too, ${kind === 'mqtt' ? 'ActiveMQ/Advisory/…' : 'ActiveMQ.Advisory.…'}; begin it with a fixed level, or keep them out with "where"`,
    );
  checkVirtualTopic(end, report);
}

/** The broker tells of connections, consumers and so on there; seen to reach an MQTT subscription of `#` (Classic 6.1.8). */
function takesAdvisories({ kind, levels }: SourceEnd): boolean {
  const [first] = levels;
  if (kind === 'queue' || first === undefined || (first !== 'rest' && 'only' in first)) return false;
  const advisories = new AddressSets<true>();
  advisories.add('', [{ only: 'ActiveMQ' }, { only: 'Advisory' }, 'rest'], true);
  return advisories.meeting('', levels).size > 0;
}

/** What an application that writes there would do to a broker, by the beginning of the name, level by level. */
const RESERVED: readonly {
  readonly types: readonly BrokerType[];
  readonly levels: readonly string[];
  readonly why: string;
}[] = [
  {
    types: ['activemq'],
    levels: ['ActiveMQ', 'Advisory'],
    why: "these topics carry the broker's own messages about connections and consumers, and its clients would take what is sent there for the broker's word",
  },
  {
    types: ['artemis'],
    levels: ['activemq', 'management'],
    why: 'what is sent there the broker carries out as a command',
  },
  {
    types: ['artemis'],
    levels: ['activemq', 'notifications'],
    why: 'the broker tells there what happens in it, and programs would take what is sent there for its word',
  },
];

function checkSink(end: SinkEnd, report: Report): void {
  const { kind, text, type, levels } = end;
  if (text.startsWith('$') && (kind === 'mqtt' || type === 'artemis')) {
    report.at(
      end.node,
      `brokers keep names that begin with $ for themselves; give the ${kind === 'mqtt' ? 'topic' : kind} another name`,
    );
    return;
  }
  const reserved = RESERVED.find(
    (one) =>
      one.types.includes(type) && (kind !== 'queue' || type === 'artemis') && beginsWith(levels, one.levels),
  );
  if (reserved !== undefined)
    report.at(end.node, `a route cannot send to ${described(end)}: ${reserved.why}`);
  else if (type === 'activemq') checkVirtualTopic(end, report);
}

/** Virtual topics of Classic with its default names: topic `VirtualTopic.x`, read from queues `Consumer.GROUP.VirtualTopic.x`. */
function checkVirtualTopic(end: End, report: Report): void {
  const { kind, text, levels } = end;
  const consumer = beginsWith(levels, ['Consumer', undefined, 'VirtualTopic']);
  if (consumer && kind !== 'queue') {
    const name = kind === 'mqtt' ? text.replaceAll('/', '.') : text;
    warn(report, end, `a group reads a virtual topic from a queue of this name: write queue: "${name}"`);
  } else if (consumer && 'template' in end) {
    const topic = text.slice(text.indexOf('VirtualTopic'));
    warn(
      report,
      end,
      `what is sent to this queue comes to this one group only; topic: "${topic}" reaches every group`,
    );
  } else if (kind === 'queue' && beginsWith(levels, ['VirtualTopic'])) {
    const advice =
      'template' in end ? `write topic: "${text}"` : `a group reads it from queue: "Consumer.GROUP.${text}"`;
    warn(report, end, `a virtual topic is a topic, and this queue has nothing to do with it: ${advice}`);
  }
}

/** An undefined level may be any. */
function beginsWith(levels: readonly LevelSet[], wanted: readonly (string | undefined)[]): boolean {
  return wanted.every((name, index) => {
    const level = levels[index];
    if (level === undefined) return false;
    return name === undefined || (level !== 'rest' && 'only' in level && level.only === name);
  });
}

function firstLevel({ kind, text }: End): string {
  return text.split(LEVEL_SEPARATOR[kind])[0] ?? '';
}

/** `$room` where another program's templates would have it. */
function checkDollars(from: SourceEnd, sink: SinkEnd, report: Report): void {
  const captures = new Set(from.pattern.captures.values());
  for (const part of sink.template.parts)
    for (const [found, name = ''] of typeof part === 'string' ? part.matchAll(/\$(\w+)/g) : [])
      if (captures.has(name)) warn(report, sink, `${found} is plain text here; the capture is {${name}}`);
}

/** Slips in the text itself. */
function checkText(end: End, report: Report): void {
  const { kind, text, levels } = end;
  const halfCharacter = /\p{Surrogate}/u.test(text);
  if (kind === 'mqtt' && (halfCharacter || Buffer.byteLength(text) > LONGEST_TOPIC)) {
    report.at(
      end.node,
      halfCharacter
        ? 'this holds half a character (a lone surrogate), which no MQTT topic can'
        : `no MQTT topic is longer than ${LONGEST_TOPIC} bytes`,
    );
    return;
  }
  // A slash in front is a habit of many MQTT programs, and a name of its own.
  const empty = levels.findIndex(
    (level, index) =>
      level !== 'rest' && 'only' in level && level.only === '' && (kind !== 'mqtt' || index > 0),
  );
  if (empty === -1) return;
  const separator = LEVEL_SEPARATOR[kind];
  const where =
    empty === levels.length - 1
      ? `the "${separator}" at the end`
      : empty === 0
        ? `the "${separator}" at the beginning`
        : `"${separator}${separator}"`;
  warn(
    report,
    end,
    `${where} makes an empty level, and this another name than one without it; leave it out unless the other side writes it too`,
  );
}

import type { BrokerType } from '../connectors/connector.js';
import type { AddressKind } from '../message/address.js';
import { type CapturePattern, parsePattern } from '../routing/pattern.js';
import type { Template } from '../routing/template.js';
import { type LevelSet, levelsOfPattern, levelsOfTemplate } from './address-set.js';
import { parseDestination } from './destination.js';
import { addressOf, brokerOf, listOf } from './resolve.js';
import type { FromInput, Mapping, RouteInput, ToInput } from './schema.js';
import { type Node, nodeAt } from './source.js';

/** A place in the file where a route reads or writes, on a broker that the file has. */
interface Place {
  readonly route: string;
  readonly rule: RouteInput;
  readonly broker: string;
  readonly type: BrokerType;
  readonly kind: AddressKind;
  /** As written, its variables filled in. */
  readonly text: string;
  /** All names that it can have. */
  readonly levels: readonly LevelSet[];
  /** Where the name stands. */
  readonly node: Node;
}

export interface SourceEnd extends Place {
  readonly end: FromInput;
  readonly pattern: CapturePattern;
}

export interface SinkEnd extends Place {
  readonly end: ToInput;
  readonly template: Template;
}

/** One enabled route with what of it is complete. */
export interface Ends {
  readonly route: string;
  readonly rule: RouteInput;
  readonly from: SourceEnd | undefined;
  readonly to: readonly SinkEnd[];
}

/** The enabled routes, in the order of the file. What is incomplete is left out: it has errors of its own. */
export function endsOf(mapping: Mapping, root: Node): Ends[] {
  const brokers = Object.keys(mapping.brokers);
  const place = (route: string, rule: RouteInput, end: FromInput | ToInput, path: Path) => {
    const address = addressOf(end);
    const broker = brokerOf(end, brokers);
    const type = broker !== undefined && brokers.includes(broker) ? mapping.brokers[broker]?.type : undefined;
    const node = nodeAt(root, ['routes', route, ...path, address?.kind ?? '']);
    if (address === undefined || broker === undefined || type === undefined || node === undefined)
      return undefined;
    return { route, rule, broker, type, node, ...address };
  };
  const source = (route: string, rule: RouteInput): SourceEnd | undefined => {
    const found = place(route, rule, rule.from, ['from']);
    if (found === undefined) return undefined;
    const pattern = parsePattern(found.kind, found.text);
    return { ...found, end: rule.from, pattern, levels: levelsOfPattern(pattern) };
  };
  const sink = (route: string, rule: RouteInput, end: ToInput, index: number): SinkEnd[] => {
    const found = place(route, rule, end, Array.isArray(rule.to) ? ['to', index] : ['to']);
    if (found === undefined) return [];
    const template = parseDestination(found.kind, found.text);
    return [{ ...found, end, template, levels: levelsOfTemplate(found.kind, template) }];
  };
  return Object.entries(mapping.routes)
    .filter(([, rule]) => rule.enabled)
    .map(([route, rule]) => ({
      route,
      rule,
      from: source(route, rule),
      to: listOf(rule.to).flatMap((end, index) => sink(route, rule, end, index)),
    }));
}

type Path = readonly (string | number)[];

/**
 * Names of one space are one destination when they are equal, level by level: on Classic and Artemis the MQTT topic a/b is
 * the JMS topic a.b.
 */
export function spaceOf({ broker, kind, type }: Pick<Place, 'broker' | 'kind' | 'type'>): string {
  return `${kind === 'queue' || type === 'mqtt' ? kind : 'topic'} ${broker}`;
}

/** For messages: `mqtt chat/{room}`. What a variable put into a name is not shown. */
export function described({ kind, text, node }: Pick<Place, 'kind' | 'text' | 'node'>): string {
  const filledIn = node.kind === 'scalar' && node.inserted !== undefined && node.inserted.length > 0;
  return filledIn ? `a ${kind === 'mqtt' ? 'topic' : kind} named by a variable` : `${kind} ${text}`;
}

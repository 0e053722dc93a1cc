import type { AddressKind } from '../message/address.js';
import { parsePattern } from '../routing/pattern.js';
import {
  type Context,
  checkBroker,
  checkFrom,
  checkKeysFor,
  checkPropertyNames,
  contextOf,
} from './check-routes.js';
import { checkTemplates } from './check-templates.js';
import { answersOf } from './client-ids.js';
import { addressOf, brokerOf, KINDS, listOf } from './resolve.js';
import type { FromInput, Mapping, ReplyInput, ReplyTargetInput, RouteInput, ToInput } from './schema.js';
import { type Node, nodeAt, type Report } from './source.js';

/** What the `reply` of each route means, together with the route and the brokers. */
export function checkReplies(mapping: Mapping, root: Node, report: Report): void {
  const context = contextOf(mapping, root, report);
  for (const [name, route] of Object.entries(mapping.routes)) {
    const node = nodeAt(root, ['routes', name, 'reply']);
    if (route.reply === undefined || node === undefined) continue;
    const answers = answersOf(name);
    const namesake = Object.entries(mapping.routes).find(
      ([other, { from }]) => other === answers || from.connection === answers,
    );
    if (namesake !== undefined)
      report.add(
        'error',
        node.key ?? node.start,
        `the answers are a route "${answers}" with a session of that name; rename ${namesake[0] === answers ? 'the other route' : `the connection of "${namesake[0]}"`}`,
      );
    checkReply(route, route.reply, node, context);
  }
}

function checkReply(route: RouteInput, reply: ReplyInput, node: Node, context: Context): void {
  const { report } = context;
  const ofAnswers = checkFrom(reply.from, nodeAt(node, ['from']), context);
  checkTemplates(nodeAt(node, ['id']), ofAnswers && { captures: ofAnswers }, report);
  const ofRequests = capturesOf(route.from);
  for (const key of ['replyTo', 'correlationId'])
    checkTemplates(nodeAt(node, [key]), ofRequests && { captures: ofRequests }, report);
  if (saysNothing(reply.from, context) && reply.id === undefined)
    report.add(
      'error',
      node.key ?? node.start,
      'MQTT 3.1.1 carries no correlation id: say under "id" which request an answer is to, for example from a level of its topic or from {body.id}',
    );
  if (saysNothing(route.from, context) && reply.replyTo === undefined)
    report.add(
      'error',
      node.key ?? node.start,
      'MQTT 3.1.1 carries no reply address: say under "replyTo" where an asker wants its answer, for example {body.replyTo}',
    );
  checkRequests(route, reply, node, context);
  if (!listOf(route.to).some((end) => tellsId(end, context)))
    report.add(
      'error',
      node.key ?? node.start,
      'nothing tells who answers which request it is: MQTT 3.1.1 carries no correlation id, so {reply.id} has to stand in the topic or the body of "to"',
    );
  const to = nodeAt(node, ['to']);
  listOf(reply.to).forEach((target, index) => {
    const place = to?.kind === 'list' ? to.items[index] : to;
    checkTarget(target, place, route.from, ofAnswers, context);
  });
}

function capturesOf(from: FromInput): ReadonlySet<string> | undefined {
  const address = addressOf(from);
  return address && new Set(parsePattern(address.kind, address.text).captures.values());
}

/** Messages from there have neither a reply address nor a correlation id. */
function saysNothing(from: FromInput | ToInput, { mapping }: Context): boolean {
  const broker = brokerOf(from, Object.keys(mapping.brokers));
  const version = broker === undefined ? undefined : mapping.brokers[broker]?.mqttVersion;
  return addressOf(from)?.kind === 'mqtt' && version === '3.1.1';
}

/** What a service has to be told: which request it is, and where the answer is wanted. */
function checkRequests(route: RouteInput, reply: ReplyInput, node: Node, context: Context): void {
  const { report, known } = context;
  const ends = listOf(route.to);
  const hides = ends.find((to) => to.correlationId !== undefined && !asksFor(to.correlationId));
  if (hides !== undefined && reply.id === undefined)
    report.add(
      'error',
      node.key ?? node.start,
      'the "correlationId" of "to" takes the place of the id by which an answer is known: leave it out, or say under "id" what an answer is known by',
    );
  const source = addressOf(reply.from);
  const wanted = reply.replyTo === undefined ? undefined : addressOf(route.from)?.kind;
  if (wanted !== undefined && !listOf(reply.to).some((target) => addressOf(target)?.kind === wanted))
    report.add(
      'error',
      node.key ?? node.start,
      `what "replyTo" gives is the name of ${wanted === 'mqtt' ? 'an MQTT topic' : `a ${wanted}`}, like the source of the route, and no place of "to" is one`,
    );
  if (source === undefined || source.kind === 'mqtt' || known === undefined) return;
  const broker = brokerOf(reply.from, known);
  const isOne = parsePattern(source.kind, source.text).captures.size === 0;
  const told = ends.some(
    (to) =>
      to.replyTo !== undefined || asksFor(JSON.stringify(to)) || (isOne && brokerOf(to, known) === broker),
  );
  if (!told)
    report.add(
      'warning',
      node.key ?? node.start,
      `nothing tells a service where its answer is wanted: ${isOne ? '"to" is on another broker than the "from" of the answers' : 'the "from" of the answers is no single place'}; say "replyTo" in "to"`,
    );
}

/** Whether a hole of a template is filled with the id of the request. */
const asksFor = (text: string) => /\{[^}]*\breply\.id\b/.test(text);

/** By itself as correlation id, or because the rule puts it somewhere. */
function tellsId(to: ToInput, context: Context): boolean {
  return !saysNothing(to, context) || asksFor(JSON.stringify(to));
}

function checkTarget(
  target: ReplyTargetInput,
  node: Node | undefined,
  asker: FromInput,
  ofAnswers: ReadonlySet<string> | undefined,
  context: Context,
): void {
  if (node?.kind !== 'map') return;
  const { report } = context;
  const given = [...KINDS, 'temporary'].flatMap((key) => node.entries.get(key) ?? []);
  const [first, second] = given;
  if (first === undefined) {
    report.add(
      'error',
      node.key ?? node.start,
      'say where answers may go: "mqtt", "queue", "topic" or "temporary"',
    );
    return;
  }
  if (second !== undefined) {
    report.add(
      'error',
      second.key ?? second.start,
      'one place has one address; make this another entry of a list',
    );
    return;
  }
  const address = addressOf(target);
  const kind: AddressKind | undefined = address?.kind ?? target.temporary;
  if (kind === undefined) return;
  checkKeysFor('to', kind, node, asker, context);
  checkPropertyNames(kind, node, report);
  checkAsker(kind, asker, first, context);
  if (hasBroker(asker, context))
    checkBroker('to', kind, { broker: asker.broker, via: target.via, queue: undefined }, node, context);
  if (address === undefined) {
    checkTemplates(node, ofAnswers && { captures: ofAnswers, more: ['request'] }, report);
    return;
  }
  const captures = new Set(parsePattern(address.kind, address.text).captures.values());
  for (const name of captures)
    if (ofAnswers?.has(name))
      report.at(first, `{${name}} is captured by the "from" of the answers too; rename one`);
  checkTemplatesOfTarget(node, new Set([...captures, ...(ofAnswers ?? [])]), report);
}

/** Its address is a pattern, no template. */
function checkTemplatesOfTarget(
  node: Node & { kind: 'map' },
  captures: ReadonlySet<string>,
  report: Report,
): void {
  for (const [key, value] of node.entries)
    if (!KINDS.some((kind) => kind === key))
      checkTemplates({ ...node, entries: new Map([[key, value]]) }, { captures, more: ['request'] }, report);
}

function hasBroker(end: FromInput, { mapping, known }: Context): boolean {
  const broker = known && brokerOf(end, known);
  return broker !== undefined && Object.hasOwn(mapping.brokers, broker);
}

/** Answers go back over what the requests came over, and to the same broker. */
function checkAsker(kind: AddressKind, asker: FromInput, place: Node, context: Context): void {
  const { report } = context;
  const from = addressOf(asker)?.kind;
  if (from === undefined) return;
  if ((from === 'mqtt') !== (kind === 'mqtt'))
    report.add(
      'error',
      place.key ?? place.start,
      from === 'mqtt'
        ? 'who asks over MQTT gets its answer over MQTT: write mqtt: here'
        : 'who asks over JMS gets its answer over JMS: write queue:, topic: or temporary: here',
    );
}

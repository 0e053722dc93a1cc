import type { Config, RouteConfig, ToConfig } from '../config/config.js';
import { deadLetterPlace } from '../config/dead-letter-place.js';
import type { Address } from '../message/address.js';
import { HOPS } from '../message/hops.js';
import type { OutboundMessage } from '../message/message.js';
import type { RouteTrial, WhereReport } from './trial.js';

/** Lines that tell what one rule does with a message; the first begins with the rule's name. */
export function describeTrial({ route, verdict }: RouteTrial, brokers: Config['brokers']): string[] {
  const { name } = route;
  switch (verdict.kind) {
    case 'disabled':
      return [`${name}: is turned off${verdict.matches ? '; it would read this address' : ''}`];
    case 'no-match':
      return [`${name}: does not take it: ${verdict.reason}`];
    case 'filtered':
      return [
        `${name}: does not take it: where is false: ${route.where?.text ?? ''}`,
        ...captureLines(verdict.captures),
        ...whereLines(verdict.where, 'false'),
      ];
    case 'fails':
      return [
        `${name}: ${deadLetter(route, brokers, verdict.error.message)}`,
        ...captureLines(verdict.captures),
        ...whereLines(verdict.where, 'not true'),
      ];
    case 'takes':
      return [
        `${name}: takes it${route.from.selector === undefined ? '' : `, if the broker finds that ${route.from.selector}`}`,
        ...captureLines(verdict.captures),
        ...(route.orderBy === undefined ? [] : [`  order key: ${shown(verdict.orderKey)}`]),
        ...verdict.results.flatMap((result) =>
          'error' in result
            ? [`  -> ${deadLetter(route, brokers, result.error.message)}`]
            : messageLines(result.message, result.to),
        ),
        ...answerLines(route),
      ];
  }
}

function answerLines({ reply }: RouteConfig): string[] {
  if (reply === undefined) return [];
  const places = reply.to.map(({ allows }) =>
    'pattern' in allows ? `${allows.pattern.kind} ${allows.pattern.text}` : `a temporary ${allows.temporary}`,
  );
  const { kind, pattern, broker } = reply.from;
  return [
    `  answers come at ${kind} ${pattern.text} on ${broker}, and go to ${places.join(' or ')}, as was asked`,
  ];
}

/** Which rule came nearest to a message that none takes, and why it does not take it; empty when there is no telling. */
export function nearestTrial(trials: readonly RouteTrial[]): string {
  let best: { readonly words: string; readonly nearness: number } | undefined;
  for (const { route, verdict } of trials) {
    const candidate =
      verdict.kind === 'filtered'
        ? { words: `${route.name}: it reads this address, but its where is false`, nearness: 3_000 }
        : verdict.kind === 'disabled' && verdict.matches
          ? { words: `${route.name}: it reads this address, but is turned off`, nearness: 2_000 }
          : verdict.kind === 'no-match'
            ? { words: `${route.name}: ${verdict.reason}`, nearness: verdict.nearness }
            : undefined;
    if (candidate !== undefined && candidate.nearness > (best?.nearness ?? -1)) best = candidate;
  }
  return best?.words ?? '';
}

/** How near a rule came, for putting those first that tell most. */
export function nearnessOf({ verdict }: RouteTrial): number {
  if (verdict.kind === 'no-match') return verdict.nearness;
  return verdict.kind === 'disabled' && !verdict.matches ? -3 : 4_000;
}

function deadLetter(route: RouteConfig, brokers: Config['brokers'], reason: string): string {
  const { kind, name } = deadLetterPlace(route, brokers).address;
  return `dead letter to ${kind} ${name}: ${reason}`;
}

const captureLines = (captures: ReadonlyMap<string, string>) =>
  [...captures].map(([name, value]) => `  ${name} = ${shown(value)}`);

function whereLines({ untrue, values }: WhereReport, verdict: string): string[] {
  return [
    ...untrue.map((text) => `  ${verdict}: ${text}`),
    ...values.map(
      ({ text, value }) => `  ${text} ${value === undefined ? 'is not there' : `= ${shown(value)}`}`,
    ),
  ];
}

function messageLines(message: OutboundMessage, rule: ToConfig): string[] {
  // Of an id and a time of its own every message has other ones.
  const {
    to,
    body,
    properties,
    persistent,
    qos,
    retain,
    id: _id,
    timestamp: _timestamp,
    ...headers
  } = message;
  const jms = to.kind !== 'mqtt';
  const kind = jms ? (typeof body === 'string' ? ', TextMessage' : ', BytesMessage') : '';
  const delivery = jms ? (persistent ? ', persistent' : ', not persistent') : `, QoS ${qos}`;
  return [
    `  -> ${to.kind} ${printable(to.name)} on ${rule.broker} over ${rule.via}${kind}${delivery}${retain ? ', retained' : ''}`,
    ...Object.entries(headers).map(([name, value]) => `     ${name}: ${headerText(value)}`),
    ...[...properties]
      // Of every message that has passed no bridge before it is the same.
      .filter(([name, value]) => name !== HOPS || value !== 1)
      .map(([name, value]) => `     property ${name}: ${shown(value)}`),
    ...leftOut(message, rule).map(([name, text]) => `     ${name}: left out, ${text} has no value here`),
    `     body: ${bodyText(body)}`,
  ];
}

/** What the rule would set and this message gives no value for. */
function leftOut(message: OutboundMessage, rule: ToConfig): [string, string][] {
  const templates = ['group', 'type', 'correlationId'] as const;
  return [
    ...templates.flatMap((name): [string, string][] =>
      rule[name] === undefined || message[name] !== undefined ? [] : [[name, rule[name].text]],
    ),
    ...[...rule.properties]
      .filter(([name]) => !message.properties.has(name))
      .map(([name, { text }]): [string, string] => [`property ${name}`, text]),
  ];
}

function headerText(value: string | number | Address): string {
  return typeof value === 'object' ? `${value.kind} ${printable(value.name)}` : printable(String(value));
}

/** Bytes of a body that are shown. */
const MOST_BYTES = 40;

function bodyText(body: string | Buffer): string {
  if (typeof body === 'string') return body === '' ? 'empty' : printable(body);
  if (body.length === 0) return 'empty';
  const more = body.length > MOST_BYTES ? '…' : '';
  return `${body.length} bytes ${body.subarray(0, MOST_BYTES).toString('hex')}${more}`;
}

/** As it is, or as JSON where it would break the line or move a terminal's cursor. */
export const printable = (text: string) => (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) ? JSON.stringify(text) : text);

/** Characters of a value that are shown. */
const LONGEST = 300;

function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (_key, one: unknown) =>
      typeof one === 'bigint' ? String(one) : one instanceof Map ? Object.fromEntries(one) : one,
    ) ?? String(value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

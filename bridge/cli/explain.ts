import { BridgeError } from '../errors.js';
import type { Address, AddressKind } from '../message/address.js';
import type { OutboundMessage, PropertyValue } from '../message/message.js';
import { type Context, EXIT, type ExitCode } from './context.js';
import { loadMapping } from './mapping.js';
import { brokerFor, messageFrom, type RouteTrial, tryRoutes } from './trial.js';

export interface ExplainOptions {
  readonly body?: string;
  /** `name=value`; numbers, `true` and `false` are taken as what they are. */
  readonly property?: readonly string[];
  /** The broker that the message comes from; may be left out when there is only one. */
  readonly broker?: string;
}

/** Tells what each rule of a mapping file would do with a message from this address, without any broker. */
export async function explain(
  file: string,
  address: string,
  options: ExplainOptions,
  context: Context,
): Promise<ExitCode> {
  const config = await loadMapping(file, context.env, context.complain);
  const broker = brokerFor(config, options.broker);
  const message = messageFrom(readAddress(address), options.body ?? '', {
    properties: readProperties(options.property ?? []),
  });
  const trials = tryRoutes(config, message, broker);
  for (const trial of trials) for (const line of describeTrial(trial)) context.say(line);
  const takers = trials.filter(({ verdict }) => verdict.kind === 'takes' || verdict.kind === 'fails');
  if (takers.length === 0) context.say(`no route takes ${address}${nearest(trials)}`);
  return EXIT.done;
}

const KINDS: readonly AddressKind[] = ['mqtt', 'queue', 'topic'];

/** `queue:orders`, `topic:rooms.lobby`, `mqtt:chat/lobby`; without a kind it is an MQTT topic. */
function readAddress(text: string): Address {
  const kind = KINDS.find((one) => text.startsWith(`${one}:`));
  const name = kind === undefined ? text : text.slice(kind.length + 1);
  if (name === '')
    throw new BridgeError(
      'configuration-invalid',
      'an address has a name: chat/lobby/messages, queue:orders',
    );
  return { kind: kind ?? 'mqtt', name };
}

function readProperties(given: readonly string[]): ReadonlyMap<string, PropertyValue> {
  return new Map(
    given.map((text): [string, PropertyValue] => {
      const at = text.indexOf('=');
      if (at < 1)
        throw new BridgeError(
          'configuration-invalid',
          `--property ${JSON.stringify(text)}: write name=value`,
        );
      const value = text.slice(at + 1);
      if (value === 'true' || value === 'false') return [text.slice(0, at), value === 'true'];
      return [text.slice(0, at), /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value];
    }),
  );
}

function describeTrial({ route, verdict }: RouteTrial): string[] {
  switch (verdict.kind) {
    case 'disabled':
      return [`${route.name}: is turned off`];
    case 'no-match':
      return [`${route.name}: does not take it: ${verdict.reason}`];
    case 'filtered':
      return [
        `${route.name}: does not take it: where is false: ${route.where?.text ?? ''}`,
        ...captureLines(verdict.captures),
      ];
    case 'fails':
      return [`${route.name}: dead letter to queue ${route.deadLetter}: ${verdict.error.message}`];
    case 'takes':
      return [
        `${route.name}: takes it${route.from.selector === undefined ? '' : `, if the broker finds ${route.from.selector}`}`,
        ...captureLines(verdict.captures),
        ...verdict.results.flatMap((result) =>
          'error' in result
            ? [`  -> dead letter to queue ${route.deadLetter}: ${result.error.message}`]
            : messageLines(result.message, `on ${result.to.broker} over ${result.to.via}`),
        ),
      ];
  }
}

const captureLines = (captures: ReadonlyMap<string, string>) =>
  [...captures].map(([name, value]) => `  ${name} = ${JSON.stringify(value)}`);

function messageLines(message: OutboundMessage, where: string): string[] {
  const { to, body, properties } = message;
  const jms = to.kind !== 'mqtt';
  const kind = jms ? (typeof body === 'string' ? ', TextMessage' : ', BytesMessage') : '';
  const delivery = jms ? (message.persistent ? ', persistent' : ', not persistent') : `, QoS ${message.qos}`;
  const field = (name: string, value: unknown) =>
    value === undefined ? [] : [`     ${name}: ${String(value)}`];
  return [
    `  -> ${to.kind} ${to.name} ${where}${kind}${delivery}${message.retain ? ', retained' : ''}`,
    ...field('type', message.type),
    ...field('correlationId', message.correlationId),
    ...field('group', message.group),
    ...field('priority', message.priority),
    ...field('ttl', message.ttl),
    ...[...properties].map(([name, value]) => `     property ${name}: ${JSON.stringify(value, bigintText)}`),
    `     body: ${typeof body === 'string' ? body : bytesText(body)}`,
  ];
}

const bigintText = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
const bytesText = (body: Buffer) => `${body.length} bytes ${body.subarray(0, 40).toString('hex')}`;

function nearest(trials: readonly RouteTrial[]): string {
  let best: { readonly name: string; readonly reason: string; readonly nearness: number } | undefined;
  for (const { route, verdict } of trials)
    if (verdict.kind === 'no-match' && verdict.nearness > (best?.nearness ?? -1))
      best = { name: route.name, reason: verdict.reason, nearness: verdict.nearness };
  return best === undefined ? '' : `; the nearest is ${best.name}: ${best.reason}`;
}

import { didYouMean } from '../config/nearest.js';
import { BridgeError } from '../errors.js';
import type { Address, AddressKind } from '../message/address.js';
import type { PropertyValue } from '../message/message.js';
import { isSteeringProperty } from '../message/steering.js';
import { MESSAGE_FIELDS } from '../routing/expression.js';
import { type Context, EXIT, type ExitCode } from './context.js';
import { loadMapping } from './mapping.js';
import { brokerFor, type MessageHeaders, messageFrom, type RouteTrial, tryRoutes } from './trial.js';
import { describeTrial, nearestTrial, nearnessOf } from './trial-words.js';

export interface ExplainOptions {
  readonly body?: string;
  /** `name=value`; numbers, `true` and `false` are taken as what they are. */
  readonly property?: readonly string[];
  /** `name=value`: what templates see as `message.name`. */
  readonly header?: readonly string[];
  /** The broker that the message comes from; may be left out when there is only one, or only one where a route reads this. */
  readonly broker?: string;
}

/** Rules that do not read the address are all told of up to this number, and beyond it the nearest few. */
const MOST_TOLD = 20;
const NEAREST_TOLD = 5;

/** Tells what each rule of a mapping file would do with a message from this address, without any broker. */
export async function explain(
  file: string,
  address: string,
  options: ExplainOptions,
  context: Context,
): Promise<ExitCode> {
  const config = await loadMapping(file, context.env, context.complain);
  const source = readAddress(address);
  const broker = brokerFor(config, options.broker, source);
  const properties = new Map(readPairs('--property', options.property ?? []));
  const message = messageFrom(source, options.body ?? '', properties, readHeaders(options.header ?? []));
  for (const name of properties.keys())
    if (isSteeringProperty(name))
      context.complain(
        `the property ${name} steers brokers: no connector hands it over, so it is left out here`,
      );
  const trials = tryRoutes(config, message, broker);
  const told = worthTelling(trials);
  for (const trial of told) for (const line of describeTrial(trial, config.brokers)) context.say(line);
  if (told.length < trials.length)
    context.say(`${trials.length - told.length} more routes do not take it: they read other addresses`);
  if (!trials.some(({ verdict }) => verdict.kind === 'takes' || verdict.kind === 'fails')) {
    const nearest = nearestTrial(trials);
    context.say(`no route takes ${address}${nearest === '' ? '' : `; the nearest is ${nearest}`}`);
  }
  return EXIT.done;
}

function worthTelling(trials: readonly RouteTrial[]): readonly RouteTrial[] {
  const others = trials.filter((trial) => nearnessOf(trial) < 4_000);
  if (others.length <= MOST_TOLD) return trials;
  const nearest = new Set(others.toSorted((a, b) => nearnessOf(b) - nearnessOf(a)).slice(0, NEAREST_TOLD));
  return trials.filter((trial) => nearnessOf(trial) >= 4_000 || nearest.has(trial));
}

const KINDS: readonly AddressKind[] = ['mqtt', 'queue', 'topic'];

/** `queue:orders`, `topic:rooms.lobby`, `mqtt:chat/lobby`; without a kind it is an MQTT topic. */
function readAddress(text: string): Address {
  const kind = KINDS.find((one) => text.startsWith(`${one}:`));
  const name = kind === undefined ? text : text.slice(kind.length + 1);
  if (name === '')
    throw new BridgeError(
      'configuration-invalid',
      'an address has a name: chat/lobby/messages, queue:orders, topic:rooms.lobby',
    );
  return { kind: kind ?? 'mqtt', name };
}

function readPairs(option: string, given: readonly string[]): [string, PropertyValue][] {
  return given.map((text) => {
    const at = text.indexOf('=');
    if (at < 1)
      throw new BridgeError(
        'configuration-invalid',
        `${option} ${JSON.stringify(text)}: write name=value, for example ${option} kind=news`,
      );
    const name = text.slice(0, at);
    const value = text.slice(at + 1);
    if (value === 'true' || value === 'false') return [name, value === 'true'];
    return [name, /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value];
  });
}

/** What a header has to be, by the name that expressions see it under. */
const HEADER_TYPES: Readonly<Record<string, 'string' | 'number' | 'boolean'>> = {
  timestamp: 'number',
  priority: 'number',
  qos: 'number',
  persistent: 'boolean',
  retained: 'boolean',
};

function readHeaders(given: readonly string[]): MessageHeaders {
  const known = MESSAGE_FIELDS.filter((name) => name !== 'address');
  return Object.fromEntries(
    readPairs('--header', given).map(([name, value]) => {
      if (!known.includes(name))
        throw new BridgeError(
          'configuration-invalid',
          `--header: a message has no "${name}"${didYouMean(name, known) || `; it has ${known.join(', ')}`}`,
        );
      const type = HEADER_TYPES[name] ?? 'string';
      if (type !== 'string' && typeof value !== type)
        throw new BridgeError(
          'configuration-invalid',
          `--header ${name}: it is ${type === 'number' ? 'a number' : 'true or false'}, not ${JSON.stringify(value)}`,
        );
      if (name === 'replyTo') return [name, readAddress(String(value))];
      return [name, type === 'string' ? String(value) : value];
    }),
  );
}

/** What kind of destination a name belongs to. */
export type AddressKind = 'mqtt' | 'queue' | 'topic';

/**
 * Where a message is. `name` is the plain name without any broker's prefix: MQTT levels are parted by `/`,
 * JMS levels by `.`.
 */
export interface Address {
  readonly kind: AddressKind;
  readonly name: string;
  /** A JMS queue or topic that lives as long as the connection of who made it; only ever a reply address. */
  readonly temporary?: true;
}

/**
 * Is the name one that brokers make up for temporary destinations: `ID:…` (Classic, and OpenWire clients) or a UUID (Artemis)? A sender
 * can call any address temporary.
 */
export function isBrokerMadeName(name: string): boolean {
  return BROKER_MADE.test(name);
}

const BROKER_MADE = /^(?:ID:[\w.:-]+|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/i;

/** One level of a subscription: a literal text, exactly one level of any text, or all the rest (one or more). */
export type PatternLevel = { readonly literal: string } | 'one' | 'rest';

/** A set of addresses, free of any broker's wildcard dialect; `rest` stands only at the end. */
export interface AddressPattern {
  readonly kind: AddressKind;
  readonly levels: readonly PatternLevel[];
}

/** What parts the levels of a name: MQTT 3.1.1 section 4.7.1; for JMS the convention of both ActiveMQ brokers. */
export const LEVEL_SEPARATOR: Readonly<Record<AddressKind, string>> = { mqtt: '/', queue: '.', topic: '.' };

/** The pattern in a dialect of wildcards, for example `{ one: '+', rest: '#' }` for MQTT. */
export function renderPattern(pattern: AddressPattern, wildcards: { one: string; rest: string }): string {
  return pattern.levels
    .map((level) => (typeof level === 'string' ? wildcards[level] : level.literal))
    .join(LEVEL_SEPARATOR[pattern.kind]);
}

/** True when the pattern names exactly one address. */
export function isLiteral(pattern: AddressPattern): boolean {
  return pattern.levels.every((level) => typeof level !== 'string');
}

/** Is the name one of those that the pattern takes? */
export function takes(pattern: AddressPattern, name: string): boolean {
  const names = name.split(LEVEL_SEPARATOR[pattern.kind]);
  const last = pattern.levels.at(-1);
  if (last === 'rest' ? names.length < pattern.levels.length : names.length !== pattern.levels.length)
    return false;
  return pattern.levels.every((level, index) => typeof level === 'string' || level.literal === names[index]);
}

/**
 * Where a message of a subscription came from. The name that came with it may be its sender's invention, so it counts only
 * where the subscription leaves the name open, and takes it.
 */
export function addressWithin(pattern: AddressPattern, announced: string | undefined): Address {
  const { kind } = pattern;
  if (announced !== undefined && !isLiteral(pattern) && takes(pattern, announced))
    return { kind, name: announced };
  return { kind, name: renderPattern(pattern, { one: '*', rest: '#' }) };
}

/** Characters of a name that logs and errors show; a stranger can make one of 65,535. */
const SHOWN = 200;

/** For logs and errors: `queue "orders"`, `mqtt "chat/lobby/messages"`. */
export function describeAddress({ kind, name }: Address): string {
  const more = name.length > SHOWN ? `… (${name.length} characters)` : '';
  return `${kind} ${JSON.stringify(name.slice(0, SHOWN))}${more}`;
}

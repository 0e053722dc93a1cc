import { isUtf8 } from 'node:buffer';
import type { OutputConfig, RouteConfig, ToConfig } from '../config/config.js';
import { BridgeError } from '../errors.js';
import { type Address, type AddressKind, describeAddress } from '../message/address.js';
import { HOPS, hopsOf } from '../message/hops.js';
import { jsonOf } from '../message/json-body.js';
import type { Message, OutboundMessage, PropertyValue } from '../message/message.js';
import { carryPropertyName } from '../message/property-name.js';
import { renderName } from '../routing/destination-name.js';
import type { Variables } from '../routing/expression.js';
import { evaluateTemplate, renderTemplate, type Scope, type Template } from '../routing/template.js';

/** One arrival of a message at the bridge. */
export interface Arrival {
  /** Starts with `ID:`; the same for every attempt to send this message. */
  readonly id: string;
  /** Milliseconds since the epoch, for a message that brings no time of its own. */
  readonly now: number;
  /** The broker may have handed it over before. */
  readonly redelivered: boolean;
}

const NOTHING_MORE: ReadonlyMap<string, unknown> = new Map();

/** The names that templates can use for one message, and what `more` adds to them. The body is parsed as JSON at most once, and only when asked for. */
export function scopeOf(
  message: Message,
  captures: ReadonlyMap<string, string>,
  { redelivered }: Pick<Arrival, 'redelivered'>,
  more: ReadonlyMap<string, unknown> = NOTHING_MORE,
): Scope {
  let body: { readonly value: unknown } | undefined;
  let variables: Variables | undefined;
  const lookup = (name: string): unknown => {
    const captured = captures.get(name);
    if (captured !== undefined) return captured;
    switch (name) {
      case 'topic':
        return message.address.name;
      case 'properties':
        return message.properties;
      case 'message':
        return fieldsOf(message, redelivered);
      case 'body':
        body ??= { value: jsonOf(message) };
        return body.value;
      default:
        return more.get(name);
    }
  };
  return {
    lookup,
    variables() {
      variables ??= new MessageVariables(captures, lookup);
      return variables;
    },
  };
}

/** Levels of lists and maps in a body that an expression may look at. */
const DEEPEST_BODY = 8;

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

/** What an expression sees, made when it is asked for: most ask for one thing, and a message is mapped in microseconds. */
class MessageVariables extends Map<string, unknown> {
  #bodyChecked = false;

  constructor(
    readonly captures: ReadonlyMap<string, string>,
    readonly lookup: (name: string) => unknown,
  ) {
    super();
  }

  override get(name: string): unknown {
    const value = this.lookup(name);
    if (name !== 'body' || this.captures.has(name)) return value;
    // CEL keeps a type for each shape that it meets, for good: a sender could fill the memory with shapes.
    if (!this.#bodyChecked && isDeeper(value, DEEPEST_BODY))
      throw new BridgeError(
        'mapping-failed',
        `the body is nested deeper than the ${DEEPEST_BODY} levels that expressions take`,
      );
    this.#bodyChecked = true;
    // A body that is nothing to CEL (bytes that are no text) is there all the same.
    return value ?? null;
  }
}

/** What expressions see as `message`; what this message does not have is not there. */
function fieldsOf(message: Message, redelivered: boolean): ReadonlyMap<string, unknown> {
  const { address, body: _body, properties: _properties, replyTo, ...fields } = message;
  const all = { ...fields, redelivered, address: address.name, replyTo: replyTo?.name };
  return new Map(Object.entries(all).filter(([, value]) => value !== undefined));
}

/**
 * Whether the rule's `where` takes the message.
 * @throws BridgeError `mapping-failed` when it cannot tell: a field is missing or of another kind, or the answer is no truth value
 */
export function passes(route: Pick<RouteConfig, 'where'>, scope: Scope): boolean {
  if (route.where === undefined) return true;
  const value = route.where.evaluate(scope.variables());
  if (typeof value === 'boolean') return value;
  const what =
    value === undefined ? 'a field that it asks for is missing; has(…) tells' : `it gives ${typeof value}`;
  throw new BridgeError(
    'mapping-failed',
    `where ${JSON.stringify(route.where.text)} is neither true nor false: ${what}`,
  );
}

/**
 * The order key of a delivery: what must stay in order among itself.
 * A rule's `orderBy` without a value falls back to the source address, as if there were no rule.
 */
export function orderKey(route: RouteConfig, message: Message, scope: Scope): string {
  if (route.orderBy === undefined) return message.address.name;
  return renderTemplate(route.orderBy, scope, (text) => text) ?? message.address.name;
}

/** The text of a rule's `dedupe`; undefined without one, or for a message that has no value for it. */
export function dedupeKey(route: Pick<RouteConfig, 'dedupe'>, scope: Scope): string | undefined {
  return text(route.dedupe, scope);
}

/** Bytes of the body as it came. */
export function bodySize({ body }: Message): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return Buffer.isBuffer(body) ? body.length : body.bytes.length;
}

/** What the messages of a rule have besides what the rule says of each destination. */
export interface Defaults {
  readonly correlationId?: string;
  readonly replyTo?: { readonly broker: string; readonly address: Address };
}

/**
 * One message as one destination of a rule wants it.
 * @throws BridgeError `mapping-failed` (a destination name or a body without a value), `unsupported-body`
 */
export function mapMessage(
  to: ToConfig,
  message: Message,
  scope: Scope,
  arrival: Arrival,
  defaults: Defaults = {},
): OutboundMessage {
  const name = renderName(to.name, scope);
  if (name === undefined) throw noValue(to.name, `the destination ${to.kind}`, message);
  const mapped: Draft<OutboundMessage> = {
    ...mapContents(to.kind, to, message, scope, arrival),
    to: { kind: to.kind, name },
  };
  if (mapped.replyTo === undefined) set(mapped, 'replyTo', defaultReplyTo(to, defaults));
  if (mapped.correlationId === undefined)
    set(mapped, 'correlationId', defaults.correlationId ?? message.correlationId);
  return mapped;
}

/** A reply address means something on its own broker only, and to clients of its own kind. */
function defaultReplyTo({ broker, kind }: ToConfig, { replyTo }: Defaults): Address | undefined {
  const fits = replyTo?.broker === broker && (replyTo.address.kind === 'mqtt') === (kind === 'mqtt');
  return fits ? replyTo.address : undefined;
}

/** All of an outbound message to an address of this kind but the address. @throws BridgeError `mapping-failed`, `unsupported-body` */
export function mapContents(
  kind: AddressKind,
  to: OutputConfig,
  message: Message,
  scope: Scope,
  arrival: Arrival,
): Omit<OutboundMessage, 'to'> {
  const contents: Draft<Omit<OutboundMessage, 'to'>> = {
    body: mapBody(to, message, scope),
    properties: mapProperties(kind, to, message, scope),
    persistent: to.persistent,
    timestamp: message.timestamp ?? arrival.now,
    id: arrival.id,
    qos: to.qos,
    retain: to.retain,
  };
  set(contents, 'replyTo', mapReplyTo(to, scope));
  set(contents, 'group', text(to.group, scope));
  set(contents, 'type', text(to.type, scope));
  set(contents, 'correlationId', text(to.correlationId, scope));
  set(contents, 'priority', to.priority);
  set(contents, 'ttl', shorter(to.ttl, message.ttl));
  return contents;
}

/** A message lives no longer than its sender wants, whatever the rule says. */
function shorter(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function mapBody(to: OutputConfig, message: Message, scope: Scope): string | Buffer {
  const body = to.body === undefined ? message.body : evaluateTemplate(to.body, scope);
  if (body === undefined) throw noValue(to.body, 'the body', message);
  if (typeof body === 'object' && !Buffer.isBuffer(body))
    throw new BridgeError(
      'unsupported-body',
      `a ${body.unsupported} cannot be carried: only text and bytes can`,
    );
  const bytes = Buffer.isBuffer(body) ? body : undefined;
  const asText = to.as === undefined ? bytes === undefined || isPlainText(bytes) : to.as === 'text';
  if (!asText) return bytes ?? Buffer.from(String(body), 'utf8');
  if (bytes === undefined) return String(body);
  if (!isUtf8(bytes))
    throw new BridgeError('unsupported-body', 'the rule says `as: text`, but the body is not UTF-8');
  return bytes.toString('utf8');
}

/** Nowhere, for a message that has no value for it: it then asks for no answer. */
function mapReplyTo({ replyTo }: OutputConfig, scope: Scope): Address | undefined {
  if (replyTo === undefined) return undefined;
  const name = renderName(replyTo.name, scope);
  return name === undefined ? undefined : { kind: replyTo.kind, name };
}

/** A NUL is UTF-8, but no text that every protocol can carry as such (STOMP 1.2 ends a body at it). */
function isPlainText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

/**
 * A property whose template has no value for this message is left out (JMS reads it as null), one of the same name too. The count of
 * hops is the bridge's own, whatever else is copied or not.
 */
function mapProperties(
  kind: AddressKind,
  to: OutputConfig,
  message: Message,
  scope: Scope,
): ReadonlyMap<string, PropertyValue> {
  const properties = new Map<string, PropertyValue>();
  if (to.copyProperties)
    for (const [name, value] of message.properties)
      properties.set(carryPropertyName(name, message.address.kind, kind), value);
  for (const [name, template] of to.properties) {
    const value = evaluateTemplate(template, scope);
    if (value === undefined) properties.delete(name);
    else properties.set(name, value);
  }
  properties.set(HOPS, hopsOf(message.properties) + 1);
  return properties;
}

function text(template: Template | undefined, scope: Scope): string | undefined {
  return template === undefined ? undefined : renderTemplate(template, scope, (value) => value);
}

/** While it is being made. */
type Draft<Whole> = { -readonly [Key in keyof Whole]: Whole[Key] };

/** A field without a value is absent, not undefined. In place, because a message is mapped in microseconds and a copy a field shows. */
function set<Whole, Key extends keyof Whole>(
  whole: Draft<Whole>,
  key: Key,
  value: Whole[Key] | undefined,
): void {
  if (value !== undefined) whole[key] = value;
}

function noValue(template: Template | undefined, what: string, message: Message): BridgeError {
  return new BridgeError(
    'mapping-failed',
    `${what} ${JSON.stringify(template?.text ?? '')} has no value for this message from ${describeAddress(message.address)}`,
  );
}

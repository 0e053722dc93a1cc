import type { Protocol, TlsOptions } from '../connectors/connector.js';
import { type Address, type AddressKind, type AddressPattern, renderPattern } from '../message/address.js';
import { parseExpression } from '../routing/expression.js';
import { parsePattern } from '../routing/pattern.js';
import { parseTemplate, type Template } from '../routing/template.js';
import { Secret } from '../secret.js';
import { readBrokerUrl, usualPort } from './address-url.js';
import type {
  BrokerConfig,
  Config,
  FromConfig,
  HostPort,
  OutputConfig,
  ReplyConfig,
  ReplyTarget,
  RouteConfig,
  TestCase,
  ToConfig,
} from './config.js';
import { parseDestination } from './destination.js';
import { milliseconds } from './duration.js';
import type { TlsFiles } from './read-tls.js';
import { addressOf, brokerOf, KINDS, listOf, offersOf, protocolsOf, urlsOf, viaOf } from './resolve.js';
import type {
  BrokerInput,
  FromInput,
  Mapping,
  ReplyInput,
  ReplyTargetInput,
  RouteInput,
  TestInput,
  ToInput,
} from './schema.js';

/** What a mapping means only together with something else. */
export interface Besides {
  /** The files of each broker, already read. */
  readonly tls: TlsFiles;
  readonly files: readonly string[];
  readonly placeOfTest: PlaceOfTest;
}

/** Turns a mapping without errors into a Config. */
export function buildConfig(
  mapping: Mapping,
  { tls: { brokers: brokerTls, http: httpTls }, files, placeOfTest }: Besides,
): Config {
  const brokers = new Map(
    Object.entries(mapping.brokers).map(([name, broker]) => [
      name,
      buildBroker(name, broker, brokerTls.get(name)),
    ]),
  );
  const { host, port, chat, admin } = mapping.http;
  return {
    brokers,
    routes: Object.entries(mapping.routes).map(([name, route]) => buildRoute(name, route, mapping)),
    http: {
      host,
      port,
      ...optional('chat', chat),
      // A variable that may be empty is how it is switched off.
      ...optional('admin', admin?.token ? { token: new Secret(admin.token), tail: admin.tail } : undefined),
      ...optional('tls', httpTls),
    },
    ...optional('standby', mapping.standby),
    ...optional('tracing', mapping.tracing),
    tests: buildTests(mapping.tests, placeOfTest),
    files,
  };
}

function buildBroker(name: string, broker: BrokerInput, tls: TlsOptions | undefined): BrokerConfig {
  const { type, mqttVersion, clientId, lanes, username, password, canary } = broker;
  const endpoints = new Map<Protocol, readonly [HostPort, ...HostPort[]]>();
  for (const protocol of protocolsOf(type)) {
    const addresses = endpointsOf(broker, protocol, tls);
    if (addresses !== undefined) endpoints.set(protocol, addresses);
  }
  return {
    name,
    type,
    endpoints,
    mqttVersion,
    clientId,
    lanes,
    // A variable that may be empty is how an account is left out.
    ...optional('username', username || undefined),
    ...optional('canary', canary && { every: milliseconds(canary.every) }),
    ...optional('password', password ? new Secret(password) : undefined),
  };
}

function endpointsOf(
  broker: BrokerInput,
  protocol: Protocol,
  tls: TlsOptions | undefined,
): readonly [HostPort, ...HostPort[]] | undefined {
  const [first, ...others] = urlsOf(broker, protocol).map((url): HostPort => {
    const target = readBrokerUrl(protocol, url);
    if ('problem' in target) throw new Error(`a ${protocol} url was let through: ${target.problem}`);
    const { host, port } = target;
    return target.tls ? { host, port, tls: tls ?? {} } : { host, port };
  });
  if (first !== undefined) return [first, ...others];
  if (broker.host === undefined) return undefined;
  return [{ host: broker.host, port: usualPort(protocol), ...optional('tls', tls) }];
}

function buildRoute(name: string, route: RouteInput, mapping: Mapping): RouteConfig {
  const { enabled, inFlight, delivery, retry, deadLetter } = route;
  const { hops, bytes, destinations, rate } = route.limits;
  return {
    name,
    enabled,
    from: buildFrom(route.from, mapping),
    to: listOf(route.to).map((to) => buildTo(to, mapping)),
    inFlight,
    delivery,
    retry: {
      initial: milliseconds(retry.initial),
      max: milliseconds(retry.max),
      attempts: retry.attempts,
    },
    limits: {
      hops,
      ...optional('bytes', bytes),
      ...optional('destinations', destinations),
      ...optional('rate', rate),
    },
    deadLetter,
    ...optional('dedupe', template(route.dedupe)),
    ...optional('orderBy', template(route.orderBy)),
    ...optional(
      'reply',
      route.reply === undefined ? undefined : buildReply(route.reply, route.from, mapping),
    ),
    ...optional('where', route.where === undefined ? undefined : parseExpression(route.where)),
  };
}

function buildFrom(from: FromInput, mapping: Mapping): FromConfig {
  const { kind, text, broker, via } = place('from', from, mapping);
  const { qos, session, connection, share, selector } = from;
  const pattern = parsePattern(kind, text);
  const asJms = kind === 'mqtt' && via !== 'mqtt';
  const durable = asJms ? subscriptionOf(pattern) : from.durable;
  return {
    kind,
    broker,
    via,
    pattern,
    qos,
    session,
    ...optional('connection', connection),
    ...optional('share', share),
    ...optional('selector', selector),
    ...optional('durable', durable),
  };
}

/**
 * The durable subscription of an MQTT topic that is read as a JMS topic. Another filter is another subscription: under the same name Artemis
 * would throw away what waits in the old one; and no MQTT session there has a name with `/` in it (2.40.0).
 */
const subscriptionOf = (pattern: AddressPattern): string =>
  `mqtt/${renderPattern(pattern, { one: '+', rest: '#' })}`;

function buildTo(to: ToInput, mapping: Mapping): ToConfig {
  const { kind, text, broker, via } = place('to', to, mapping);
  return {
    kind,
    name: parseDestination(kind, text),
    ...buildOutput(to, broker, via),
    ...optional('correlationId', template(to.correlationId)),
    ...optional('replyTo', buildReplyTo(to.replyTo)),
    ...optional('group', template(to.group)),
  };
}

/** How a message goes out to a place of a broker. */
function buildOutput(output: ToInput | ReplyTargetInput, broker: string, via: Protocol): OutputConfig {
  const { copyProperties, persistent, qos, retain, priority, ttl } = output;
  return {
    broker,
    via,
    properties: new Map(
      Object.entries(output.properties ?? {}).map(([property, value]) => [property, parseTemplate(value)]),
    ),
    copyProperties,
    persistent,
    qos,
    retain,
    ...optional('as', output.as),
    ...optional('body', template(output.body)),
    ...optional('type', template(output.type)),
    ...optional('priority', priority),
    ...optional('ttl', ttl === undefined ? undefined : milliseconds(ttl)),
  };
}

function buildReply(reply: ReplyInput, asker: FromInput, mapping: Mapping): ReplyConfig {
  const { within, pending } = reply;
  return {
    from: buildFrom(reply.from, mapping),
    to: listOf(reply.to).map((target) => buildReplyTarget(target, asker, mapping)),
    within: milliseconds(within),
    pending,
    ...optional('id', template(reply.id)),
    ...optional('replyTo', template(reply.replyTo)),
    ...optional('correlationId', template(reply.correlationId)),
  };
}

/** Answers go to the broker that the requests come from. */
function buildReplyTarget(target: ReplyTargetInput, asker: FromInput, mapping: Mapping): ReplyTarget {
  const address = addressOf(target);
  const broker = brokerOf(asker, Object.keys(mapping.brokers));
  const input = broker === undefined ? undefined : mapping.brokers[broker];
  const kind = address?.kind ?? target.temporary;
  const via = kind && input && viaOf('to', target, kind, input, offersOf(input));
  if (broker === undefined || via === undefined)
    throw new Error('a reply target without an address, a broker or a protocol was let through');
  const output = buildOutput(target, broker, via);
  if (address !== undefined)
    return { ...output, allows: { pattern: parsePattern(address.kind, address.text) } };
  return { ...output, allows: { temporary: target.temporary ?? 'queue' } };
}

function buildReplyTo(replyTo: ToInput['replyTo']): ToConfig['replyTo'] {
  const address = replyTo === undefined ? undefined : addressOf(replyTo);
  if (address === undefined) return undefined;
  return { kind: address.kind, name: parseDestination(address.kind, address.text) };
}

/** Where the test of this index stands. */
export type PlaceOfTest = (index: number) => Pick<TestCase, 'file' | 'line'>;

/** Turns tests without errors into what `test` runs. */
export function buildTests(tests: readonly TestInput[], placeOf: PlaceOfTest): TestCase[] {
  return tests.map((test, index) => ({ ...placeOf(index), ...buildTest(test, index) }));
}

function buildTest({ name, given, expect }: TestInput, index: number): Omit<TestCase, 'file' | 'line'> {
  const address = testAddress(given);
  return {
    name: name ?? `test ${index + 1}: ${address.kind} ${address.name}`,
    given: {
      address,
      body:
        typeof given.body === 'string'
          ? given.body
          : given.body === undefined
            ? ''
            : JSON.stringify(given.body),
      properties: new Map(Object.entries(given.properties ?? {})),
      ...optional('broker', given.broker),
      ...optional('replyTo', given.replyTo === undefined ? undefined : testAddress(given.replyTo)),
      ...optional('correlationId', given.correlationId),
    },
    expect: expect.map((one) => {
      const { mqtt: _mqtt, queue: _queue, topic: _topic, broker, body, properties, replyTo, ...others } = one;
      const fields = { ...others, replyTo: replyTo === undefined ? undefined : testAddress(replyTo) };
      return {
        ...testAddress(one),
        properties: new Map(Object.entries(properties ?? {})),
        fields: new Map(Object.entries(fields).filter(([, value]) => value !== undefined)),
        ...optional('broker', broker),
        ...optional('body', body),
      };
    }),
  };
}

function testAddress(one: Partial<Pick<TestInput['given'], AddressKind>>): Address {
  for (const kind of KINDS) {
    const name = one[kind];
    if (name !== undefined) return { kind, name };
  }
  throw new Error('a test without an address was let through');
}

function place(side: 'from' | 'to', end: FromInput | ToInput, mapping: Mapping) {
  const address = addressOf(end);
  const broker = brokerOf(end, Object.keys(mapping.brokers));
  const input = broker === undefined ? undefined : mapping.brokers[broker];
  const via = address && input && viaOf(side, end, address.kind, input, offersOf(input));
  if (address === undefined || broker === undefined || via === undefined)
    throw new Error('a rule without an address, a broker or a protocol was let through');
  return { ...address, broker, via };
}

function template(text: string | undefined): Template | undefined {
  return text === undefined ? undefined : parseTemplate(text);
}

/** `exactOptionalPropertyTypes`: a field without a value is absent, not undefined. */
function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value });
}

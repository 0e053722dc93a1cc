import type { Protocol, TlsOptions } from '../connectors/connector.js';
import type { Address } from '../message/address.js';
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
  RouteConfig,
  TestCase,
  ToConfig,
} from './config.js';
import { parseDestination } from './destination.js';
import { milliseconds } from './duration.js';
import { addressOf, brokerOf, destinationsOf, KINDS, protocolsOf, viaOf } from './resolve.js';
import type { BrokerInput, FromInput, Mapping, RouteInput, TestInput, ToInput } from './schema.js';

/** Turns a mapping without errors into a Config. `tls` has the files of each broker, already read. */
export function buildConfig(
  mapping: Mapping,
  tls: ReadonlyMap<string, TlsOptions>,
  placeOfTest: PlaceOfTest,
): Config {
  const brokers = new Map(
    Object.entries(mapping.brokers).map(([name, broker]) => [name, buildBroker(name, broker, tls.get(name))]),
  );
  const { host, port, chat } = mapping.http;
  return {
    brokers,
    routes: Object.entries(mapping.routes).map(([name, route]) => buildRoute(name, route, mapping)),
    http: { host, port, ...optional('chat', chat) },
    tests: buildTests(mapping.tests, placeOfTest),
  };
}

function buildBroker(name: string, broker: BrokerInput, tls: TlsOptions | undefined): BrokerConfig {
  const { type, clientId, lanes, username, password } = broker;
  const endpoints = new Map<Protocol, HostPort>();
  for (const protocol of protocolsOf(type)) {
    const endpoint = endpointOf(broker, protocol, tls);
    if (endpoint !== undefined) endpoints.set(protocol, endpoint);
  }
  return {
    name,
    type,
    endpoints,
    clientId,
    lanes,
    // A variable that may be empty is how an account is left out.
    ...optional('username', username || undefined),
    ...optional('password', password ? new Secret(password) : undefined),
  };
}

function endpointOf(
  broker: BrokerInput,
  protocol: Protocol,
  tls: TlsOptions | undefined,
): HostPort | undefined {
  const url = broker[protocol];
  if (url !== undefined) {
    const target = readBrokerUrl(protocol, url);
    if ('problem' in target) throw new Error(`a ${protocol} url was let through: ${target.problem}`);
    const { host, port } = target;
    return target.tls ? { host, port, tls: tls ?? {} } : { host, port };
  }
  if (broker.host === undefined) return undefined;
  return { host: broker.host, port: usualPort(protocol), ...optional('tls', tls) };
}

function buildRoute(name: string, route: RouteInput, mapping: Mapping): RouteConfig {
  const { enabled, inFlight, retry, deadLetter } = route;
  return {
    name,
    enabled,
    from: buildFrom(route.from, mapping),
    to: destinationsOf(route.to).map((to) => buildTo(to, mapping)),
    inFlight,
    retry: { initial: milliseconds(retry.initial), max: milliseconds(retry.max) },
    deadLetter,
    ...optional('orderBy', template(route.orderBy)),
    ...optional('where', route.where === undefined ? undefined : parseExpression(route.where)),
  };
}

function buildFrom(from: FromInput, mapping: Mapping): FromConfig {
  const { kind, text, broker, via } = place('from', from, mapping);
  const { qos, session, connection, selector, durable } = from;
  return {
    kind,
    broker,
    via,
    pattern: parsePattern(kind, text),
    qos,
    session,
    ...optional('connection', connection),
    ...optional('selector', selector),
    ...optional('durable', durable),
  };
}

function buildTo(to: ToInput, mapping: Mapping): ToConfig {
  const { kind, text, broker, via } = place('to', to, mapping);
  const { persistent, qos, retain, priority, ttl } = to;
  return {
    kind,
    broker,
    via,
    name: parseDestination(kind, text),
    properties: new Map(
      Object.entries(to.properties ?? {}).map(([property, value]) => [property, parseTemplate(value)]),
    ),
    persistent,
    qos,
    retain,
    ...optional('as', to.as),
    ...optional('body', template(to.body)),
    ...optional('group', template(to.group)),
    ...optional('type', template(to.type)),
    ...optional('correlationId', template(to.correlationId)),
    ...optional('priority', priority),
    ...optional('ttl', ttl === undefined ? undefined : milliseconds(ttl)),
  };
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
    },
    expect: expect.map((one) => {
      const { mqtt: _mqtt, queue: _queue, topic: _topic, broker, body, properties, ...fields } = one;
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

function testAddress(one: TestInput['given']): Address {
  for (const kind of KINDS) {
    const name = one[kind];
    if (name !== undefined) return { kind, name };
  }
  throw new Error('a test without an address was let through');
}

function place(side: 'from' | 'to', end: FromInput | ToInput, mapping: Mapping) {
  const address = addressOf(end);
  const broker = brokerOf(end, Object.keys(mapping.brokers));
  const type = broker === undefined ? undefined : mapping.brokers[broker]?.type;
  const via = address === undefined || type === undefined ? undefined : viaOf(side, end, address.kind, type);
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

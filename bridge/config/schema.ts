import { z } from 'zod';
import type { Protocol } from '../connectors/connector.js';
import type { AddressKind } from '../message/address.js';
import { HOPS } from '../message/hops.js';
import { isSteeringProperty } from '../message/steering.js';
import { ExpressionError, parseExpression } from '../routing/expression.js';
import { PatternSyntaxError, parsePattern } from '../routing/pattern.js';
import { parseTemplate, TemplateSyntaxError } from '../routing/template.js';
import {
  problemOfChatUrl,
  problemOfHost,
  problemOfListenHost,
  problemOfOtlpUrl,
  readBrokerUrl,
} from './address-url.js';
import { parseDestination } from './destination.js';
import { DURATION, milliseconds } from './duration.js';
import type { Path } from './source.js';

/**
 * The one definition of the mapping file: validation, defaults, known keys and the JSON Schema all come from here.
 * It changes no value (a JSON Schema cannot say a change); build.ts turns what it lets through into a Config.
 */

type Problem = { readonly message: string; readonly offset?: number } | undefined;

/** Text with a rule of its own; `offset` is the character where the problem is. */
function text(description: string, problemOf: (value: string) => Problem) {
  return z
    .string()
    .check((context) => {
      const problem = problemOf(context.value);
      if (problem === undefined) return;
      const { message, offset } = problem;
      context.issues.push({
        code: 'custom',
        input: context.value,
        message,
        ...(offset === undefined ? {} : { params: { offset } }),
      });
    })
    .describe(description);
}

/** What a parser for part of a value finds wrong. */
function problemIn(parse: () => unknown): Problem {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (
      error instanceof PatternSyntaxError ||
      error instanceof TemplateSyntaxError ||
      error instanceof ExpressionError
    )
      return { message: error.message, offset: error.offset };
    throw error;
  }
}

const message = (problem: string | undefined): Problem =>
  problem === undefined ? undefined : { message: problem };

const template = (description: string) =>
  text(`${description} A template: {name}, {dotted.path} and {CEL expression} are filled in.`, (value) =>
    problemIn(() => parseTemplate(value)),
  );

/** A template that tells messages apart: written without braces it would be the same for all of them. */
const varying = (description: string) =>
  text(`${description} A template: {name}, {dotted.path} and {CEL expression} are filled in.`, (value) => {
    const problem = problemIn(() => parseTemplate(value));
    if (problem !== undefined || parseTemplate(value).parts.some((part) => typeof part !== 'string'))
      return problem;
    return {
      message: `this is the same text for every message; a field stands in braces, for example {${example(value)}}`,
    };
  });

const example = (value: string) => (/^[A-Za-z_][\w.]*$/.test(value) ? value : 'body.id');

const pattern = (kind: AddressKind, description: string) =>
  text(description, (value) => problemIn(() => parsePattern(kind, value)));

const destination = (kind: AddressKind, description: string) =>
  text(`${description} A template; what a hole puts in is data and never makes a new level.`, (value) =>
    problemIn(() => parseDestination(kind, value)),
  );

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;
const name = (what: string) =>
  z.string().regex(NAME, `${what} has 1 to 100 letters, digits, "_", "." and "-", the first no "." or "-"`);

const some = (what: string) => z.string().min(1, `${what} must not be empty`);

/** A broker and its standbys. */
const MOST_URLS = 8;

/** A day: longer waits are a mistake in the unit. */
const LONGEST_WAIT = 86_400_000;
/** A message of 256 MiB is the largest that MQTT can say. */
const LARGEST_BODY = 268_435_455;
/** As many names as a rule may remember: some 10 MB of them. */
const MOST_DESTINATIONS = 100_000;

const duration = (longest: number, shortest = 1) =>
  z.union([
    z.int().min(shortest).max(longest),
    z
      .string()
      .regex(DURATION, {
        error: 'must be milliseconds, or a number with a unit: 200ms, 5s, 2m, 1h',
        abort: true,
      })
      .refine((value) => milliseconds(value) >= shortest && milliseconds(value) <= longest, {
        message: `must be from ${shortest} to ${longest} milliseconds`,
      }),
  ]);

const url = (protocol: Protocol) => {
  const one = text(
    `Where it speaks ${protocol.toUpperCase()}: ${protocol}://host:port, or ${protocol}s:// for TLS.`,
    (value) => {
      const result = readBrokerUrl(protocol, value);
      return message('problem' in result ? result.problem : undefined);
    },
  );
  return z
    .union([one, z.array(one).min(1, 'needs at least one url').max(MOST_URLS)])
    .optional()
    .describe(
      `Where it speaks ${protocol.toUpperCase()}; of several urls, for a standby, each is tried in turn.`,
    );
};

const tls = z
  .strictObject({
    ca: some('a path').optional().describe('File with the certificate authorities to trust (PEM).'),
    cert: some('a path').optional().describe('File with the bridge’s own certificate (PEM).'),
    key: some('a path').optional().describe('File with the key of that certificate (PEM).'),
    serverName: text('Name that the broker’s certificate must have, when it is not the host’s.', (value) =>
      message(problemOfHost(value)),
    ).optional(),
  })
  .describe('TLS for `host` and for urls that ask for it. Paths start at the mapping file’s folder.');

const canary = z
  .strictObject({
    every: duration(LONGEST_WAIT, 1_000).describe('Time between two: milliseconds, or text like 30s.'),
  })
  .describe(
    'Sends a small message to a queue (and an MQTT topic) of the bridge’s own and reads it back, over each protocol that routes use; health tells when none comes back.',
  );

const broker = z
  .strictObject({
    type: z
      .enum(['activemq', 'artemis', 'mqtt'])
      .describe('ActiveMQ Classic, ActiveMQ Artemis, or any other MQTT broker.'),
    host: text(
      'Host of all protocols, on the usual ports 1883 (MQTT), 5672 (AMQP), 61613 (STOMP).',
      (value) => message(problemOfHost(value)),
    ).optional(),
    mqtt: url('mqtt'),
    amqp: url('amqp'),
    stomp: url('stomp'),
    mqttVersion: z
      .literal(['3.1.1', 5])
      .default('3.1.1')
      .describe(
        'Version of MQTT: 5 carries properties, correlation ids and times to live. Classic speaks 3.1.1 only.',
      ),
    username: z.string().optional().describe('Account of the bridge; empty means none.'),
    password: z.string().optional().describe(`Its password; best \${NAME} or \${file:/path}.`),
    clientId: name('a client id')
      .default('activemq-bridge')
      .describe('Start of every client id that the bridge uses there; two bridges on one broker need two.'),
    lanes: z
      .int()
      .min(1)
      .max(16)
      .default(4)
      .describe(
        'Connections a route sends over at most; each order key keeps to one while it has messages on their way.',
      ),
    tls: tls.optional(),
    canary: canary.optional(),
  })
  .describe('One broker. It needs a `host` or a url for each protocol that routes use.');

/** For editors; the check itself says more and is in check-routes.ts. */
const ONE_ADDRESS = { oneOf: [{ required: ['mqtt'] }, { required: ['queue'] }, { required: ['topic'] }] };

const brokerName = z
  .string()
  .optional()
  .describe('Name of a broker above; may be left out when there is only one.');
const qos = z.literal([0, 1, 2]).default(1);
const via = z
  .enum(['mqtt', 'amqp', 'stomp'])
  .optional()
  .describe(
    'Protocol: by default amqp to read (MQTT topics too on artemis); to write stomp on activemq (MQTT topics too), amqp on artemis.',
  );

const SHARED = /^\$share\/([^/]*)\/?/;

const readFrom = {
  mqtt: text('MQTT topics: {name} captures one level, {name...} the rest.', (value) => {
    const [shared, group] = SHARED.exec(value) ?? [];
    if (shared === undefined) return problemIn(() => parsePattern('mqtt', value));
    const right = JSON.stringify(value.slice(shared.length) || 'chat/{room}');
    return {
      message: `a shared subscription is written share: ${group || 'GROUP'}, mqtt: ${right}`,
      offset: 0,
    };
  }).optional(),
  queue: pattern(
    'queue',
    'JMS queue: {name} captures one level between dots, {name...} the rest.',
  ).optional(),
  topic: pattern(
    'topic',
    'JMS topic: {name} captures one level between dots, {name...} the rest.',
  ).optional(),
  broker: brokerName,
  via,
  qos: qos.describe('MQTT: quality of service asked for.'),
  session: z
    .enum(['durable', 'clean'])
    .default('durable')
    .describe('MQTT: durable gets what came while the bridge was away; clean does not.'),
  selector: some('a selector').optional().describe('JMS selector, evaluated by the broker.'),
  durable: name('a subscription').optional().describe('JMS topic: name of a durable subscription.'),
};

const from = z
  .strictObject({
    ...readFrom,
    connection: name('a connection')
      .optional()
      .describe('MQTT: routes with the same name here share one session.'),
    share: name('a group')
      .optional()
      .describe('MQTT: group of bridges of which one gets each message (a shared subscription).'),
  })
  .meta({ description: 'Where messages come from: exactly one of mqtt, queue and topic.', ...ONE_ADDRESS });

/** Answers go to the bridge that knows their requests: nothing is shared. */
const replyFrom = z.strictObject(readFrom).meta({
  description: 'Where answers come: a place of its own for this route, on any broker.',
  ...ONE_ADDRESS,
});

const properties = z
  .record(
    text('Name of a property.', (value) => {
      if (isSteeringProperty(value))
        return { message: `a property "${value}" steers the broker; a rule cannot set it` };
      if (value === HOPS)
        return {
          message: `in "${HOPS}" the bridge counts the bridges that a message has passed; a rule cannot set it`,
        };
      return value === '' ? { message: 'a property needs a name' } : undefined;
    }),
    template('Its value; a template that is just one hole keeps its type.'),
  )
  .describe(
    'JMS or MQTT 5 user properties by name. One whose template has no value for a message is left out.',
  );

const replyTo = z
  .strictObject({
    queue: destination('queue', 'JMS queue.').optional(),
    topic: destination('topic', 'JMS topic.').optional(),
    mqtt: destination('mqtt', 'MQTT topic, as the Response Topic of MQTT 5.').optional(),
  })
  .meta({
    description: 'Where answers are wanted: JMSReplyTo, or the Response Topic of MQTT 5.',
    ...ONE_ADDRESS,
  });

/** How a message goes out, wherever it goes. */
const output = {
  via,
  as: z
    .enum(['text', 'bytes'])
    .optional()
    .describe('TextMessage or BytesMessage; by default text when the body is UTF-8 text, else bytes.'),
  body: template('Body in place of the message’s own.').optional(),
  properties: properties.optional(),
  copyProperties: z
    .boolean()
    .default(false)
    .describe('The message’s own properties too; those under `properties` go before.'),
  type: template('JMSType.').optional(),
  priority: z.int().min(0).max(9).optional().describe('JMSPriority.'),
  ttl: duration(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Time to live: milliseconds, or text like 5s or 1h.'),
  persistent: z.boolean().default(true).describe('JMS: false lets the broker lose it on a crash.'),
  qos: qos.describe('MQTT quality of service.'),
  retain: z.boolean().default(false).describe('MQTT: keep it as the last message of its topic.'),
};

const to = z
  .strictObject({
    mqtt: destination('mqtt', 'MQTT topic.').optional(),
    queue: destination('queue', 'JMS queue.').optional(),
    topic: destination('topic', 'JMS topic.').optional(),
    broker: brokerName,
    ...output,
    correlationId: template('JMSCorrelationID, or Correlation Data of MQTT 5.').optional(),
    replyTo: replyTo.optional(),
    group: template('JMSXGroupID: messages of one group go to one consumer, in order.').optional(),
  })
  .meta({ description: 'Where messages go: exactly one of mqtt, queue and topic.', ...ONE_ADDRESS });

const replyTarget = z
  .strictObject({
    mqtt: pattern('mqtt', 'MQTT topics that an asker may name, as in `from`.').optional(),
    queue: pattern('queue', 'JMS queues that an asker may name, as in `from`.').optional(),
    topic: pattern('topic', 'JMS topics that an asker may name, as in `from`.').optional(),
    temporary: z
      .enum(['queue', 'topic'])
      .optional()
      .describe('Any temporary queue (or topic): what JMS clients make for their answers.'),
    ...output,
  })
  .meta({
    description:
      'Where answers may go, on the broker of `from`: exactly one of mqtt, queue, topic and temporary.',
    oneOf: [...ONE_ADDRESS.oneOf, { required: ['temporary'] }],
  });

const reply = z
  .strictObject({
    from: replyFrom,
    to: z
      .union([replyTarget, z.array(replyTarget).min(1, 'needs at least one place')])
      .describe('The places that an asker may name for its answer; nothing goes anywhere else.'),
    id: varying('Which request an answer is to; by default its correlation id.').optional(),
    replyTo: varying(
      'Where the asker wants its answer; by default what its message says (JMSReplyTo, MQTT 5 Response Topic).',
    ).optional(),
    correlationId: varying(
      'What the asker calls its request; by default what its message says, else the message’s id.',
    ).optional(),
    within: duration(LONGEST_WAIT).default(30_000).describe('How long an answer may take.'),
    pending: z
      .int()
      .min(1)
      .max(100_000)
      .default(10_000)
      .describe('Requests that wait for an answer, at most; one more takes the place of the oldest.'),
  })
  .describe('Makes the route’s messages requests: answers find their way back to who asked.');

const retry = z
  .strictObject({
    initial: duration(LONGEST_WAIT).default(100).describe('First wait: milliseconds, or text like 200ms.'),
    max: duration(LONGEST_WAIT).default(10_000).describe('Longest wait: milliseconds, or text like 5s.'),
    attempts: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('How often a message that its broker refuses is tried before it is a dead letter.'),
  })
  .describe('Waits between attempts when a broker cannot take a message for now.');

const limits = z
  .strictObject({
    bytes: z
      .int()
      .min(1)
      .max(LARGEST_BODY)
      .optional()
      .describe('Bytes of a body, at most; larger: dead letter.'),
    destinations: z
      .int()
      .min(1)
      .max(MOST_DESTINATIONS)
      .optional()
      .describe('Different destination names since the start, at most; a message for one more: dead letter.'),
    rate: z
      .number()
      .min(0.001)
      .max(1_000_000)
      .optional()
      .describe('Messages a second, at most; the others wait, in order.'),
    hops: z
      .int()
      .min(1)
      .max(100)
      .default(8)
      .describe('Bridges that a message may pass; one that has passed as many is in a loop: dead letter.'),
  })
  .describe('What the route takes at most.');

const route = z
  .strictObject({
    from,
    to: z
      .union([to, z.array(to).min(1, 'needs at least one destination')])
      .describe('One destination or a list.'),
    where: text('Which messages to take: a CEL expression that is true or false.', (value) =>
      problemIn(() => parseExpression(value)),
    ).optional(),
    orderBy: varying('What must stay in order among itself; by default the source address.').optional(),
    inFlight: z
      .int()
      .min(1)
      .max(10_000)
      .default(1000)
      .describe('Messages taken and not yet confirmed, at most.'),
    delivery: z
      .enum(['at-least-once', 'at-most-once'])
      .default('at-least-once')
      .describe(
        'at-most-once: a message is accepted at its source before it is sent; one that is in doubt is not sent again.',
      ),
    retry: retry.prefault({}),
    dedupe: varying(
      'Of messages for which it gives the same text only the first is sent; remembers the last 10,000.',
    ).optional(),
    limits: limits.prefault({}),
    reply: reply.optional(),
    deadLetter: text('Queue that keeps what can never be delivered.', (value) =>
      problemIn(() => {
        if (parsePattern('queue', value).captures.size > 0)
          throw new PatternSyntaxError('a dead-letter queue is one name, without captures', 0);
      }),
    ).default('bridge.dead-letter'),
    enabled: z.boolean().default(true).describe('false: the route stays in the file and does nothing.'),
  })
  .describe('A rule: one source, one or more destinations.');

/** RFC 6750, 2.1: what a bearer token is made of. */
const TOKEN = /^(?:|[A-Za-z0-9._~+/-]{16,200}=*)$/;

const admin = z
  .strictObject({
    token: z
      .string()
      .regex(TOKEN, 'needs at least 16 letters, digits, "-", ".", "_", "~", "+" or "/"')
      .describe(
        `Who has it may see dead letters, send them again and drop them; best \${NAME} or \${file:/path}. Empty: nobody may.`,
      ),
    tail: z
      .boolean()
      .default(false)
      .describe('Who has the token may also watch the messages of a route as they come.'),
  })
  .describe('What of the dashboard shows or moves messages.');

const httpTls = z
  .strictObject({
    cert: some('a path').describe('File with the certificate, and those between it and its authority (PEM).'),
    key: some('a path').describe('File with its key (PEM).'),
    ca: some('a path')
      .optional()
      .describe('Only clients with a certificate by these authorities (PEM) get an answer.'),
  })
  .describe('HTTPS in place of HTTP. Paths start at the mapping file’s folder.');

const http = z
  .strictObject({
    host: text('Address that the health and chat pages listen on.', (value) =>
      message(problemOfListenHost(value)),
    ).default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(8080).describe('0 takes any free port.'),
    chat: text('Where the chat page finds MQTT over WebSocket: ws://host:port or wss://.', (value) =>
      message(problemOfChatUrl(value)),
    ).optional(),
    admin: admin.optional(),
    tls: httpTls.optional(),
  })
  .describe('The health, chat and dashboard pages.');

const propertyValues = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const addressKeys = {
  mqtt: some('a topic').optional().describe('MQTT topic.'),
  queue: some('a queue').optional().describe('JMS queue.'),
  topic: some('a topic').optional().describe('JMS topic.'),
};
const testReplyTo = z
  .strictObject(addressKeys)
  .meta({ description: 'Where an answer is wanted: exactly one of mqtt, queue and topic.', ...ONE_ADDRESS })
  .optional();
const testMessage = {
  ...addressKeys,
  broker: brokerName,
  body: z.unknown().optional().describe('Text; a map or a list is its JSON.'),
  properties: propertyValues.optional().describe('JMS properties by name.'),
  correlationId: z.string().optional().describe('JMSCorrelationID.'),
  replyTo: testReplyTo,
};

const given = z
  .strictObject(testMessage)
  .meta({ description: 'A message: its address is exactly one of mqtt, queue and topic.', ...ONE_ADDRESS });

const expected = z
  .strictObject({
    ...testMessage,
    type: z.string().optional().describe('JMSType.'),
    group: z.string().optional().describe('JMSXGroupID.'),
    priority: z.int().optional().describe('JMSPriority.'),
    ttl: z.int().optional().describe('Time to live, in milliseconds.'),
    persistent: z.boolean().optional(),
    qos: z.literal([0, 1, 2]).optional(),
    retain: z.boolean().optional(),
  })
  .meta({ description: 'A message that comes out; what is not said is not compared.', ...ONE_ADDRESS });

const test = z
  .strictObject({
    name: z.string().optional().describe('What the test shows.'),
    given,
    expect: z.array(expected).describe('Every message that comes out, in any order; [] for none.'),
  })
  .describe('A message, and what has to come out of it: `activemq-bridge test FILE`.');

const standby = z
  .strictObject({
    broker: some('a broker').describe(
      'The ActiveMQ in which they agree, over AMQP or STOMP, in the queue `bridge.lock.CLIENTID`.',
    ),
  })
  .describe('Of several bridges with this file one works at a time; the others stand by.');

const tracing = z
  .strictObject({
    otlp: text('Where spans go, OTLP over HTTP: http://localhost:4318/v1/traces.', (value) =>
      message(problemOfOtlpUrl(value)),
    ),
    sample: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe(
        'Of the traces that begin in the bridge, the part that is recorded; of others their sender has decided.',
      ),
  })
  .describe('Traces of messages by OpenTelemetry.');

export const mappingSchema = z
  .strictObject({
    version: z.literal(1).describe('Version of this format.'),
    brokers: z.record(name('the name of a broker'), broker).describe('Brokers by name.'),
    routes: z.record(name('the name of a route'), route).describe('Routes by name.'),
    http: http.prefault({}),
    standby: standby.optional(),
    tracing: tracing.optional(),
    tests: z.array(test).default([]).describe('Messages with what has to come out of them.'),
  })
  .meta({
    title: 'activemq-bridge mapping file',
    description: 'Rules for moving messages between MQTT and JMS.',
  });

/** A file of tests alone, beside the mapping file that they are for. */
export const testFileSchema = z.strictObject({ tests: mappingSchema.shape.tests.removeDefault() });

export type Mapping = z.output<typeof mappingSchema>;
export type BrokerInput = Mapping['brokers'][string];
export type RouteInput = Mapping['routes'][string];
export type FromInput = RouteInput['from'];
export type TestInput = Mapping['tests'][number];
export type ToInput = z.output<typeof to>;
export type ReplyInput = z.output<typeof reply>;
export type ReplyTargetInput = z.output<typeof replyTarget>;

/** The keys that the map at a path of the mapping file may have. */
export function keysAt(path: Path): readonly string[] {
  const [section, , part] = path;
  const of = (object: { readonly shape: object }) => Object.keys(object.shape);
  if (section === undefined) return of(mappingSchema);
  if (section === 'http') return path[1] === 'admin' ? of(admin) : path[1] === 'tls' ? of(httpTls) : of(http);
  if (section === 'standby') return of(standby);
  if (section === 'tracing') return of(tracing);
  if (section === 'tests') {
    if (path.at(-1) === 'replyTo') return Object.keys(addressKeys);
    return part === 'given' ? of(given) : part === 'expect' ? of(expected) : of(test);
  }
  if (section === 'brokers') return part === 'tls' ? of(tls) : part === 'canary' ? of(canary) : of(broker);
  if (part === 'reply') {
    if (path.includes('from')) return of(replyFrom);
    return path.includes('to') ? of(replyTarget) : of(reply);
  }
  if (part === 'from') return of(from);
  if (part === 'to') return path.includes('replyTo') ? of(replyTo) : of(to);
  if (part === 'retry') return of(retry);
  if (part === 'limits') return of(limits);
  return of(route);
}

/** JSON Schema (draft 2020-12) for editors. Every value may also be `${…}` text. */
export function mappingJsonSchema(): object {
  return orInterpolated(z.toJSONSchema(mappingSchema, { io: 'input', target: 'draft-2020-12' })) as object;
}

const INTERPOLATED = { type: 'string', pattern: '\\$\\{[^}]+\\}' };

/** Fields that want a number, a truth value or one of some texts take `${…}` too: it is read as what they want. */
function orInterpolated(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(orInterpolated);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { propertyNames, ...rest } = schema as Record<string, unknown>;
  const mapped: Record<string, unknown> = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      key,
      key === 'default' || key === 'enum' ? value : orInterpolated(value),
    ]),
  );
  if (propertyNames !== undefined) mapped.propertyNames = propertyNames;
  const { type } = mapped;
  // Literals of several types have none of their own.
  const mixed = type === undefined && 'enum' in mapped;
  const narrow = mixed || type === 'number' || type === 'integer' || type === 'boolean';
  if (!narrow && !(type === 'string' && ('enum' in mapped || 'pattern' in mapped))) return mapped;
  const { description, default: usual, ...constraint } = mapped;
  return {
    ...(description === undefined ? {} : { description }),
    ...(usual === undefined ? {} : { default: usual }),
    anyOf: [constraint, INTERPOLATED],
  };
}

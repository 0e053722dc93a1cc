import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.js';
import { mavenPackage } from './maven.js';

/** Which Java client: activemq-client on OpenWire (`tcp://…` URLs), qpid-jms-client on AMQP 1.0 (`amqp://…`). */
export type JavaClient = 'openwire' | 'qpid';

export interface Account {
  readonly username: string;
  readonly password: string;
}

export type Destination = { readonly queue: string } | { readonly topic: string };

export type JmsPlace = Destination & {
  readonly client: JavaClient;
  readonly url: string;
  readonly account: Account;
};

/** A message as Java code sees it through the JMS interface. */
export interface JavaMessage {
  readonly class:
    | 'TextMessage'
    | 'BytesMessage'
    | 'MapMessage'
    | 'StreamMessage'
    | 'ObjectMessage'
    | 'Message';
  /** Of a TextMessage. */
  readonly text?: string | null;
  /** Of a BytesMessage. */
  readonly base64?: string;
  /** By name: the simple name of the value's Java class, and the value. */
  readonly properties: Readonly<
    Record<string, { readonly type: string; readonly value: string | number | boolean | null }>
  >;
  readonly JMSMessageID: string | null;
  /** Milliseconds since 1970; 0 when the sender set none. */
  readonly JMSTimestamp: number;
  readonly JMSDeliveryMode: 'PERSISTENT' | 'NON_PERSISTENT';
  readonly JMSXGroupID: string | null;
  readonly JMSCorrelationID: string | null;
  readonly JMSType: string | null;
  readonly JMSPriority: number;
  readonly JMSExpiration: number;
  readonly JMSReplyTo: string | null;
  readonly JMSRedelivered: boolean;
}

/** A message as a Paho client sees it. */
export interface PahoMessage {
  readonly topic: string;
  readonly base64: string;
  readonly qos: 0 | 1 | 2;
  readonly retained: boolean;
  readonly duplicate: boolean;
}

export interface Receiver<Message> {
  /** Resolves once subscribed: what is sent from then on will be seen. */
  readonly ready: Promise<void>;
  /** As many as were asked for; rejects when there are fewer in time. After `stop` what had come by then. */
  readonly messages: Promise<readonly Message[]>;
  stop(): Promise<void>;
}

interface HowMany {
  /** 1 without it. */
  readonly count?: number;
  /** Milliseconds from the subscription on; 30 s without it. */
  readonly timeoutMs?: number;
}

export type JavaReceive = JmsPlace &
  HowMany & {
    readonly selector?: string;
    /** A durable subscription of a topic, and the client id it belongs to. */
    readonly durable?: { readonly name: string; readonly clientId: string };
  };

export type JavaBody =
  /** `{n}` becomes 0, 1, … with a `count`. */
  | { readonly text: string }
  | { readonly base64: string }
  | { readonly kind: 'null-text' | 'map' | 'stream' | 'object' | 'none' };

export type PropertyType = 'string' | 'boolean' | 'byte' | 'short' | 'int' | 'long' | 'float' | 'double';

export type JavaSend = JmsPlace & {
  readonly body: JavaBody;
  readonly properties?: Readonly<Record<string, readonly [PropertyType, string | number | boolean]>>;
  readonly group?: string;
  readonly type?: string;
  readonly correlationId?: string;
  readonly replyTo?: Destination;
  readonly priority?: number;
  readonly ttlMs?: number;
  readonly nonPersistent?: boolean;
  readonly count?: number;
};

export interface PahoPlace {
  /** `tcp://host:port` */
  readonly url: string;
  readonly account: Account;
  readonly topic: string;
  readonly qos?: 0 | 1 | 2;
}

const PROJECT = fileURLToPath(new URL('./java', import.meta.url));
const JAR = 'java-probe.jar';
/** One short-lived JVM with little memory: no second compiler, no parallel collector. */
const JVM = ['-Xshare:auto', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** Builds the programs in test/support/java if their sources are newer; two test workers may call it at once. */
export function buildJavaProbe(): Promise<void> {
  return mavenPackage(PROJECT, JAR);
}

/** Starts a JMS consumer in a JVM of its own. */
export async function javaReceive(options: JavaReceive): Promise<Receiver<JavaMessage>> {
  const { durable } = options;
  return startReceiver<JavaMessage>(options, [
    'jms-receive',
    ...jmsPlace(options),
    ...howMany(options),
    ...option('selector', options.selector),
    ...option('durable', durable?.name),
    ...option('client-id', durable?.clientId),
  ]);
}

/** Sends from Java; resolves when the broker has taken the messages. Rejects with what the program printed. */
export async function javaSend(options: JavaSend): Promise<void> {
  const { replyTo } = options;
  const properties = Object.entries(options.properties ?? {});
  await runProbe(options.account, [
    'jms-send',
    ...jmsPlace(options),
    ...body(options.body),
    ...properties.flatMap(([name, [type, value]]) => ['--property', `${name}:${type}=${value}`]),
    ...option('group', options.group),
    ...option('type', options.type),
    ...option('correlation-id', options.correlationId),
    ...option('reply-to', replyTo === undefined ? undefined : place(replyTo).join(':')),
    ...option('priority', options.priority),
    ...option('ttl-ms', options.ttlMs),
    ...option('non-persistent', options.nonPersistent === true ? 'yes' : undefined),
    ...option('count', options.count),
  ]);
}

/** Sends a request from Java that wants its answer on a temporary queue, or where it says; resolves with the answer. */
export async function javaRequest(
  options: JmsPlace & {
    readonly body: JavaBody;
    readonly properties?: JavaSend['properties'];
    readonly correlationId?: string;
    readonly replyTo?: { readonly queue: string };
    readonly timeoutMs?: number;
  },
): Promise<JavaMessage> {
  const properties = Object.entries(options.properties ?? {});
  const { messages } = await startReceiver<JavaMessage>(options, [
    'jms-request',
    ...jmsPlace(options),
    ...body(options.body),
    ...properties.flatMap(([name, [type, value]]) => ['--property', `${name}:${type}=${value}`]),
    ...option('correlation-id', options.correlationId),
    ...option('reply-to', options.replyTo === undefined ? undefined : place(options.replyTo).join(':')),
    ...howMany(options),
  ]);
  const [answer] = await messages;
  if (answer === undefined) throw new Error('no answer came');
  return answer;
}

/** Starts a Java service that answers `re: TEXT` to each request; its messages are the requests. */
export async function javaServe(options: JmsPlace & HowMany): Promise<Receiver<JavaMessage>> {
  return startReceiver<JavaMessage>(options, ['jms-serve', ...jmsPlace(options), ...howMany(options)]);
}

export interface NamedDestination {
  readonly kind: 'queue' | 'topic';
  readonly name: string;
}

/** Every queue and topic of an ActiveMQ Classic broker, advisory topics left out; `url` is its OpenWire one. */
export async function javaDestinations(
  place: Pick<JmsPlace, 'url' | 'account'>,
): Promise<readonly NamedDestination[]> {
  const found: NamedDestination[] = [];
  const args = ['jms-destinations', ...option('url', place.url), ...option('user', place.account.username)];
  await runProbe(place.account, args, (line) => found.push(JSON.parse(line) as NamedDestination));
  return found;
}

/** Starts a Paho subscriber in a JVM of its own; with a `clientId` its session is durable. */
export async function pahoSubscribe(
  options: PahoPlace & HowMany & { readonly clientId?: string },
): Promise<Receiver<PahoMessage>> {
  return startReceiver<PahoMessage>(options, [
    'mqtt-subscribe',
    ...pahoPlace(options),
    ...howMany(options),
    ...option('client-id', options.clientId),
    ...option('durable', options.clientId === undefined ? undefined : 'yes'),
  ]);
}

/** Publishes with Paho; resolves when the broker has confirmed every message (with QoS 1 or 2). */
export async function pahoPublish(
  options: PahoPlace & {
    readonly body: { readonly text: string } | { readonly base64: string };
    readonly retain?: boolean;
    readonly count?: number;
  },
): Promise<void> {
  await runProbe(options.account, [
    'mqtt-publish',
    ...pahoPlace(options),
    ...body(options.body),
    ...option('retain', options.retain === true ? 'yes' : undefined),
    ...option('count', options.count),
  ]);
}

type Line<Message> = { readonly ready: true } | { readonly timeout: true } | Message;

async function startReceiver<Message extends object>(
  { account, count = 1 }: HowMany & { readonly account: Account },
  args: readonly string[],
): Promise<Receiver<Message>> {
  await buildJavaProbe();
  const received: Message[] = [];
  let stopped = false;
  let subscribed = () => {};
  const isReady = new Promise<void>((resolve) => {
    subscribed = resolve;
  });
  const child = startProbe(account, args, (line) => {
    const parsed = JSON.parse(line) as Line<Message>;
    if ('ready' in parsed) subscribed();
    else if (!('timeout' in parsed)) received.push(parsed);
  });
  const messages = child.ended.then(({ stderr }) => {
    if (received.length < count && !stopped)
      throw new Error(`${args[0]}: ${received.length} of ${count} messages came\n${stderr}`);
    return received;
  });
  const ready = Promise.race([isReady, messages.then(() => {})]);
  // Each is for a caller who waits for it; nobody has to wait for both.
  messages.catch(() => {});
  ready.catch(() => {});
  return {
    ready,
    messages,
    stop: () => {
      stopped = true;
      return child.stop();
    },
  };
}

async function runProbe(
  account: Account,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<void> {
  await buildJavaProbe();
  const child = startProbe(account, args, onLine);
  const { code, stderr } = await child.ended;
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}\n${stderr}`);
}

function startProbe(
  { password }: Account,
  args: readonly string[],
  onLine: (line: string) => void = () => {},
): Child {
  return startChild('java', [...JVM, '-jar', `${PROJECT}/target/${JAR}`, ...args], {
    env: { PROBE_PASSWORD: password },
    onLine,
  });
}

function jmsPlace(options: JmsPlace): string[] {
  const [kind, name] = place(options);
  return [
    ...option('client', options.client),
    ...option('url', options.url),
    ...option('user', options.account.username),
    ...option(kind, name),
  ];
}

function pahoPlace({ url, account, topic, qos }: PahoPlace): string[] {
  return [
    ...option('url', url),
    ...option('user', account.username),
    ...option('topic', topic),
    ...option('qos', qos),
  ];
}

function place(destination: Destination): readonly ['queue' | 'topic', string] {
  return 'queue' in destination ? ['queue', destination.queue] : ['topic', destination.topic];
}

function body(content: JavaBody): string[] {
  if ('text' in content) return [...option('body', 'text'), ...option('content', content.text)];
  if ('base64' in content) return [...option('body', 'bytes'), ...option('content', content.base64)];
  return option('body', content.kind);
}

function howMany({ count, timeoutMs }: HowMany): string[] {
  return [...option('count', count), ...option('timeout-ms', timeoutMs)];
}

function option(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`--${name}`, String(value)];
}

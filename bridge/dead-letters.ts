import type { Config, RouteConfig } from './config/config.js';
import { deadLetterPlace } from './config/dead-letter-place.js';
import type { Connection, Delivery, Endpoint, Protocol, Sink } from './connectors/connector.js';
import { connectOnce, endpointOf } from './endpoints.js';
import { asBridgeError, BridgeError } from './errors.js';
import { type DeadLetter, readDeadLetter } from './flow/dead-letter.js';
import { isRequestRoute } from './flow/exchange.js';
import { plannerOf } from './flow/plan.js';
import type { AddressPattern } from './message/address.js';
import { beginningOf } from './message/beginning.js';
import type { OutboundMessage } from './message/message.js';
import { RouteTable } from './routing/route-table.js';
import { brokerNamed, destinationName, duplicateNamespace } from './sessions.js';

/** Which dead letters; without anything all of them. */
export interface DeadLetterFilter {
  /** One alone. */
  readonly id?: string;
  readonly route?: string;
  readonly reason?: string;
}

/** What became of one dead letter. */
export interface Handled {
  readonly letter: DeadLetter;
  /** Why it stayed where it was; absent when it was handled. */
  readonly problem?: string;
}

/** False when dead letters that stayed hide others behind them. */
export interface Completeness {
  readonly isComplete: boolean;
}

/** Dead letters that are taken at a time: what may be unsettled. */
const BATCH = 500;
/** And those that are looked at at a time. */
const BROWSED = 20;
/** Bytes of a body that a glimpse has. */
const SHOWN = 1024;
/** Milliseconds for the confirm of a message that is sent after all. */
const SEND_TIMEOUT = 30_000;

interface Place {
  readonly broker: string;
  readonly queue: string;
}

/** The dead-letter queues of the rules, each once. A plain MQTT broker has none: there nothing can be read later. */
export function deadLetterQueues(config: Config): readonly Place[] {
  const places = config.routes.flatMap((route) => [
    deadLetterPlace(route, config.brokers),
    ...(isRequestRoute(route)
      ? [deadLetterPlace({ ...route, from: route.reply.from }, config.brokers, route.reply.to)]
      : []),
  ]);
  const queues = places.flatMap(({ broker, address }) =>
    address.kind === 'queue' ? [{ broker, queue: address.name }] : [],
  );
  return [...new Map(queues.map((place) => [JSON.stringify(place), place])).values()];
}

/**
 * Shows up to `limit` dead letters of each queue, oldest first, and leaves them there.
 * @throws BridgeError when a broker cannot be reached or does not let the account read
 */
export async function listDeadLetters(
  config: Config,
  filter: DeadLetterFilter,
  limit: number,
  stop: AbortSignal,
): Promise<DeadLetter[]> {
  const all: DeadLetter[] = [];
  for (const place of deadLetterQueues(config))
    all.push(...(await listQueue(config, place, filter, limit, stop, (letter) => letter)));
  return all;
}

/** `keep`: what to remember of each. Only a few are in memory as a whole: nobody knows how large they are. */
async function listQueue<Kept>(
  config: Config,
  place: Place,
  filter: DeadLetterFilter,
  limit: number,
  stop: AbortSignal,
  keep: (letter: DeadLetter) => Kept,
): Promise<Kept[]> {
  const reader = await openReader(config, place, filter, { browse: true }, stop);
  const kept: Kept[] = [];
  try {
    for (let left = limit; left > 0 && !stop.aborted; ) {
      const wanted = Math.min(left, BROWSED);
      const found = await reader.take(wanted);
      kept.push(...found.flatMap(({ message }) => readDeadLetter(message) ?? []).map(keep));
      left = found.length < wanted ? 0 : left - wanted;
    }
    return kept;
  } finally {
    await reader.close();
  }
}

/** A dead letter with the beginning of its body only. */
export interface DeadLetterGlimpse extends Omit<DeadLetter, 'original'> {
  /** As UTF-8 text; what is none shows as U+FFFD. Absent when the dead letter cannot be replayed for want of the whole message. */
  readonly body?: string;
}

export function glimpseOf({ original, ...letter }: DeadLetter): DeadLetterGlimpse {
  const body = original?.body;
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) return letter;
  return { ...letter, body: beginningOf(body, SHOWN) };
}

/** A look at the dead-letter queues, those that can be looked at now. */
export interface DeadLetterSurvey {
  /** Up to the limit of each queue, oldest first. */
  readonly letters: readonly DeadLetterGlimpse[];
  /** True when a queue may hold more than that. */
  readonly more: boolean;
  readonly unread: readonly { readonly broker: string; readonly queue: string; readonly reason: string }[];
}

/** What can be done about the dead letters of a running bridge. */
export interface DeadLetterVerbs {
  survey(filter: DeadLetterFilter, limit: number, stop: AbortSignal): Promise<DeadLetterSurvey>;
  /** See `replayDeadLetters`. */
  replay: Verb;
  /** See `dropDeadLetters`. */
  drop: Verb;
}

export type Verb = (
  filter: DeadLetterFilter,
  onHandled: (handled: Handled) => void,
  stop: AbortSignal,
) => Promise<Completeness>;

/** `rules`: as they are when something is asked for. */
export function deadLetterVerbs(rules: () => Config): DeadLetterVerbs {
  return {
    async survey(filter, limit, stop) {
      const config = rules();
      const letters: DeadLetterGlimpse[] = [];
      const unread: DeadLetterSurvey['unread'][number][] = [];
      let more = false;
      for (const place of deadLetterQueues(config))
        try {
          const found = await listQueue(config, place, filter, limit, stop, glimpseOf);
          letters.push(...found);
          if (found.length >= limit) more = true;
        } catch (error) {
          unread.push({ ...place, reason: asBridgeError(error, 'connection-failed').message });
        }
      return { letters, more, unread };
    },
    replay: (filter, onHandled, stop) => replayDeadLetters(rules(), filter, onHandled, stop),
    drop: (filter, onHandled, stop) => dropDeadLetters(rules(), filter, onHandled, stop),
  };
}

/**
 * Removes dead letters for good; each is told to `onHandled` when it is gone.
 * @throws BridgeError as `listDeadLetters`
 */
export function dropDeadLetters(
  config: Config,
  filter: DeadLetterFilter,
  onHandled: (handled: Handled) => void,
  stop: AbortSignal,
): Promise<Completeness> {
  return handleAll(config, filter, async () => undefined, onHandled, stop);
}

/**
 * Sends the messages of dead letters by their rules as these are now, to the destinations that did not get them; a dead letter is
 * removed once all of these have confirmed. One that cannot be delivered stays, and `onHandled` hears why.
 * @throws BridgeError as `listDeadLetters`
 */
export async function replayDeadLetters(
  config: Config,
  filter: DeadLetterFilter,
  onHandled: (handled: Handled) => void,
  stop: AbortSignal,
): Promise<Completeness> {
  const sinks = new Sinks(config, stop);
  const routes = new Map(config.routes.map((route) => [route.name, route]));
  try {
    return await handleAll(
      config,
      filter,
      async (letter) => {
        const planned = sendsFor(letter, routes.get(letter.route), config);
        if ('problem' in planned) return planned.problem;
        for (const { broker, via, message } of planned.sends)
          await (await sinks.to(broker, via)).send(message);
        return undefined;
      },
      onHandled,
      stop,
    );
  } finally {
    await sinks.close();
  }
}

/** Takes every dead letter that is there now; `handle` resolves with the reason when one has to stay. */
async function handleAll(
  config: Config,
  filter: DeadLetterFilter,
  handle: (letter: DeadLetter) => Promise<string | undefined>,
  onHandled: (handled: Handled) => void,
  stop: AbortSignal,
): Promise<Completeness> {
  let isComplete = true;
  for (const place of deadLetterQueues(config)) {
    const reader = await openReader(config, place, filter, { browse: false }, stop);
    try {
      for (let more = true; more && !stop.aborted; ) {
        const deliveries = await reader.take(BATCH);
        let stayed = 0;
        for (const delivery of deliveries) {
          const letter = readDeadLetter(delivery.message);
          const problem =
            letter === undefined ? 'it is no dead letter of a bridge' : await tryTo(handle, letter);
          delivery.settle(problem === undefined ? 'accepted' : 'released');
          if (problem !== undefined) stayed++;
          if (letter !== undefined) onHandled({ letter, ...(problem === undefined ? {} : { problem }) });
        }
        // What stayed comes first again: only a batch without any can be followed by another.
        more = deliveries.length === BATCH && stayed === 0;
        if (deliveries.length === BATCH && stayed > 0) isComplete = false;
      }
    } finally {
      await reader.close();
    }
  }
  return { isComplete };
}

async function tryTo(
  handle: (letter: DeadLetter) => Promise<string | undefined>,
  letter: DeadLetter,
): Promise<string | undefined> {
  try {
    return await handle(letter);
  } catch (error) {
    return asBridgeError(error, 'message-refused').message;
  }
}

interface PlannedReplay {
  readonly sends: readonly {
    readonly broker: string;
    readonly via: Protocol;
    readonly message: OutboundMessage;
  }[];
}

function sendsFor(
  letter: DeadLetter,
  route: RouteConfig | undefined,
  config: Config,
): PlannedReplay | { readonly problem: string } {
  if (route === undefined) return { problem: `the file has no route "${letter.route}"` };
  if (isRequestRoute(route))
    return { problem: 'who asked does not wait any more; a request is not sent again' };
  const { original } = letter;
  if (original === undefined) return { problem: 'the dead letter has not all of the message' };
  const { from } = route;
  const [match] =
    from.kind === original.address.kind
      ? new RouteTable(from.kind, [{ pattern: from.pattern, route }]).match(original.address.name)
      : [];
  if (match === undefined) return { problem: `the rule does not read ${letter.source} any more` };
  const namespace = duplicateNamespace(route, config);
  const plan = plannerOf(route, { namespace })(original, match.captures, {
    id: original.id ?? `ID:replay-${letter.time}`,
    now: Date.now(),
    redelivered: true,
  });
  if (plan === undefined) return { problem: '"where" does not take it' };
  const wanted = plan.sends.flatMap(({ to: index, result }) => {
    const to = route.to[index];
    const isMeant = letter.destination === undefined || (to && destinationName(to) === letter.destination);
    return to !== undefined && isMeant ? [{ to, result }] : [];
  });
  if (wanted.length === 0) return { problem: `the rule has no destination ${letter.destination} any more` };
  return {
    sends: wanted.map(({ to: { broker, via }, result }) => {
      if (result instanceof BridgeError) throw result;
      return { broker, via, message: result };
    }),
  };
}

interface Reader {
  /** Everything that is there, up to `count`; nothing is settled yet. */
  take(count: number): Promise<Delivery[]>;
  close(): Promise<void>;
}

async function openReader(
  config: Config,
  { broker, queue }: Place,
  filter: DeadLetterFilter,
  { browse }: { readonly browse: boolean },
  stop: AbortSignal,
): Promise<Reader> {
  const connection = await connectOnce(endpointFor(config, broker, 'amqp'), stop);
  const pattern: AddressPattern = { kind: 'queue', levels: queue.split('.').map((literal) => ({ literal })) };
  let taken: Delivery[] = [];
  try {
    const source = await connection.source(
      { kind: 'queue', pattern, window: BATCH, selector: selectorFor(filter), browse },
      (delivery) => taken.push(delivery),
    );
    return {
      async take(count) {
        taken = [];
        source.grant(count);
        await source.drain?.();
        return taken;
      },
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Only dead letters of a bridge: others may use the queue too. */
function selectorFor({ id, route, reason }: DeadLetterFilter): string {
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
  return [
    route === undefined ? 'bridge_route IS NOT NULL' : `bridge_route = ${text(route)}`,
    ...(reason === undefined ? [] : [`bridge_reason = ${text(reason)}`]),
    ...(id === undefined ? [] : [`bridge_id = ${text(id)}`]),
  ].join(' AND ');
}

function endpointFor(config: Config, name: string, protocol: Protocol): Endpoint {
  const broker = brokerNamed(config, name);
  // A client id of its own, so that a running bridge keeps its connections.
  const clientId = `${broker.clientId}-dead-letters-${process.pid}-${protocol}`;
  return endpointOf(broker, protocol, { clientId, cleanSession: true });
}

/** Ways to send, each opened when it is first needed. */
class Sinks {
  readonly #open = new Map<string, { readonly connection: Connection; readonly sink: Sink }>();

  constructor(
    readonly config: Config,
    readonly stop: AbortSignal,
  ) {}

  async to(broker: string, via: Protocol): Promise<Sink> {
    const key = `${broker} over ${via}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known.sink;
    const connection = await connectOnce(endpointFor(this.config, broker, via), this.stop);
    const sink = await connection.sink({ sendTimeout: SEND_TIMEOUT, window: 1 });
    this.#open.set(key, { connection, sink });
    // A broker may answer a refusal with the end of the connection; the next message gets a new one.
    void connection.lost.then(() => this.#open.delete(key));
    return sink;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ connection }) => connection.close()));
  }
}

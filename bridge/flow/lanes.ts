import type { Connect, Connection, Endpoint } from '../connectors/connector.js';
import { Supervisor } from '../connectors/supervisor.js';
import type { BridgeError } from '../errors.js';
import type { OutboundMessage } from '../message/message.js';
import { Histogram } from '../observability/histogram.js';
import type { Log } from '../observability/log.js';
import type { ConnectionStatus, Measurements } from '../status.js';
import { Lane, type LaneOptions, type SendOptions } from './lane.js';
import { fillingLane, fixedLane } from './pick-lane.js';

/** Milliseconds until a send without an answer is in doubt: a full Classic queue gives no answer at all. */
export const SEND_TIMEOUT = 30_000;

/** Messages that a broker confirms together; a connector sends 200 at most in one transaction, unless one delivery is more. */
export const BATCH_MESSAGES = [1, 2, 5, 10, 20, 50, 100, 200];

export interface LanesOptions {
  /** For health: `room-to-jms to activemq over stomp`. */
  readonly name: string;
  /** One a lane; client ids differ. */
  readonly endpoints: readonly Endpoint[];
  readonly connect: Connect;
  /** Sends a lane may have without an answer. */
  readonly window: number;
  /** Messages that fill a lane; undefined where each order key always has the same one. See `fullLaneOf`. */
  readonly fullLane: number | undefined;
  readonly retry: LaneOptions['retry'];
  readonly atMostOnce: boolean;
  /** See `SupervisorOptions.hold`. */
  readonly hold: () => Promise<BridgeError | undefined>;
  /** See `SinkSpec`. */
  readonly evenIfUnreadable?: boolean;
  /** Called each time a lane has come up. */
  readonly onOpen: () => void;
  readonly log: Log;
}

/** The lanes of a flow to one broker over one protocol; messages with the same order key take the same one. */
export class Lanes {
  readonly #lanes: readonly {
    readonly lane: Lane;
    readonly supervisor: Supervisor;
    readonly batches: Histogram;
  }[];

  readonly #pick: (orderKey: string) => Lane;

  constructor(options: LanesOptions) {
    const { endpoints, connect, log, window, retry, atMostOnce, onOpen, hold } = options;
    const unreadable = options.evenIfUnreadable === true ? { evenIfUnreadable: true as const } : {};
    this.#lanes = endpoints.map((endpoint, index) => {
      const lane = new Lane({ retry, atMostOnce, replaceConnection: () => supervisor.replace() });
      const batches = new Histogram(BATCH_MESSAGES);
      const onBatch = (messages: number) => batches.observe(messages);
      const supervisor: Supervisor = new Supervisor({
        name: endpoints.length === 1 ? options.name : `${options.name}, lane ${index + 1}`,
        endpoint,
        connect,
        hold,
        log,
        onUp: async (connection: Connection) => {
          lane.open(await connection.sink({ sendTimeout: SEND_TIMEOUT, window, onBatch, ...unreadable }));
          onOpen();
        },
        onDown: () => lane.lose(),
      });
      return { lane, supervisor, batches };
    });
    const [first, ...others] = this.#lanes.map(({ lane }) => lane);
    if (first === undefined) throw new RangeError('a flow needs at least one lane');
    const candidates = [first, ...others] as const;
    const { fullLane } = options;
    // At most once, a message whose outcome is unknown is given up, and its broker may still take it.
    const isFixed = fullLane === undefined || atMostOnce;
    this.#pick = (orderKey) =>
      isFixed ? fixedLane(candidates, orderKey) : fillingLane(candidates, orderKey, fullLane);
  }

  get supervisors(): readonly Supervisor[] {
    return this.#lanes.map(({ supervisor }) => supervisor);
  }

  start(): void {
    for (const { supervisor } of this.#lanes) supervisor.start();
  }

  /** Resolves on the broker's confirm; see `Lane.send`. */
  send(message: OutboundMessage, orderKey: string, options: SendOptions = {}): Promise<void> {
    return this.#pick(orderKey).send(message, orderKey, options);
  }

  get allOpen(): boolean {
    return this.#lanes.every(({ lane }) => lane.isOpen);
  }

  status(): ConnectionStatus[] {
    return this.#lanes.map(({ supervisor }) => supervisor.status());
  }

  batches(): Measurements['batches'] {
    return this.#lanes.flatMap(({ supervisor, batches }) => batchesOf(supervisor.status(), batches));
  }

  async stop(): Promise<void> {
    for (const { lane } of this.#lanes) lane.close();
    await Promise.all(this.#lanes.map(({ supervisor }) => supervisor.stop()));
  }
}

/** What a connection has to tell of its batches: nothing where there are none. */
export function batchesOf(
  { name, broker, protocol }: ConnectionStatus,
  batches: Histogram,
): Measurements['batches'] {
  const messages = batches.read();
  return messages.count === 0 ? [] : [{ name, broker, protocol, messages }];
}

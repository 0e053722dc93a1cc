import type { AddressPattern } from '../../message/address.js';
import type { Delivery, Outcome, Source } from '../connector.js';
import type { StompFlavour } from '../flavours/flavour.js';
import { encodeFrame } from './frame.js';
import type { IncomingFrame } from './guard.js';
import { decodeMessage } from './headers.js';

/** More than either broker sends for any window of ours: Classic counts messages, Artemis bytes with all headers. */
const MOST_WAITING = 16 * 1024;
/** A window of large messages that wait for the first credit is not to be taken for an attack. */
const MOST_WAITING_BYTES = 1024 * 1024 * 1024;

interface Arrived {
  readonly frame: IncomingFrame;
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}

export interface SourceConnection {
  readonly flavour: StompFlavour;
  readonly write: (bytes: Buffer) => void;
  /** STOMP has no way to take one message back: the connection ends, and the broker hands it over again. */
  readonly end: (reason: string) => void;
}

/**
 * One subscription with `client-individual` acknowledgement. The broker hands over up to the prefetch of the
 * SUBSCRIBE frame; what goes beyond the credit waits here, so at most that many.
 */
export class StompSource implements Source {
  readonly #connection: SourceConnection;
  readonly #pattern: AddressPattern;
  readonly #onDelivery: (delivery: Delivery) => void;
  #waiting: Arrived[] = [];
  #waitingBytes = 0;
  #credit = 0;
  #stopped = false;
  #alive = true;
  #acks: Buffer[] = [];
  /** Ends the settlement of a delivery here and tells what an ACK of it has to name. */
  readonly #takers = new WeakMap<Delivery, () => string | undefined>();

  constructor(
    connection: SourceConnection,
    pattern: AddressPattern,
    onDelivery: (delivery: Delivery) => void,
  ) {
    this.#connection = connection;
    this.#pattern = pattern;
    this.#onDelivery = onDelivery;
  }

  grant(credit: number): void {
    this.#credit += credit;
    this.#serve();
  }

  /** What the broker handed over beyond the credit stays unacknowledged, and comes again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#forget();
    this.flush();
  }

  arrive(frame: IncomingFrame): void {
    if (this.#stopped) return;
    this.#waiting.push({ frame, at: performance.now() });
    this.#waitingBytes += frame.body.length;
    this.#serve();
    if (this.#waiting.length <= MOST_WAITING && this.#waitingBytes <= MOST_WAITING_BYTES) return;
    this.#stopped = true;
    this.#forget();
    this.#connection.end('the broker sends more messages than it was asked for');
  }

  #forget(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  lose(): void {
    this.#alive = false;
    this.#forget();
  }

  /**
   * What an ACK of the delivery has to name, for somebody else who writes it: here it counts as settled then. Undefined when it is
   * not of this source, or its connection is gone.
   */
  takeOver(delivery: Delivery): string | undefined {
    return this.#takers.get(delivery)?.();
  }

  /** Writes the acknowledgements of this turn. */
  flush(): void {
    const acks = this.#acks;
    this.#acks = [];
    if (this.#alive && acks.length > 0) this.#connection.write(Buffer.concat(acks));
  }

  #serve(): void {
    while (this.#credit > 0 && !this.#stopped && this.#alive) {
      const arrived = this.#waiting.shift();
      if (arrived === undefined) return;
      this.#waitingBytes -= arrived.frame.body.length;
      const ackId = this.#connection.flavour.ackId(arrived.frame.headers);
      if (ackId === undefined) {
        this.#stopped = true;
        this.flush();
        this.#connection.end(
          'a message that was sent over AMQP cannot be acknowledged over STOMP on this broker: read it `via: amqp`',
        );
        return;
      }
      this.#credit--;
      this.#handOver(arrived, ackId);
    }
  }

  #handOver({ frame, at }: Arrived, ackId: string): void {
    let settled = false;
    const settleOnce = () => {
      if (settled) throw new Error('a delivery is settled exactly once');
      settled = true;
    };
    const delivery: Delivery = {
      message: decodeMessage(frame, this.#pattern, this.#connection.flavour, performance.now() - at),
      redelivered: frame.headers.redelivered === 'true',
      settle: (outcome: Outcome) => {
        settleOnce();
        if (!this.#alive) return;
        if (outcome === 'released') {
          this.#stopped = true;
          this.flush();
          this.#connection.end('ended by the bridge to get a message again: STOMP cannot give back just one');
        } else this.#acknowledge(outcome === 'accepted' ? 'ACK' : 'NACK', ackId);
      },
    };
    this.#takers.set(delivery, () => {
      settleOnce();
      return this.#alive ? ackId : undefined;
    });
    this.#onDelivery(delivery);
  }

  #acknowledge(command: 'ACK' | 'NACK', id: string): void {
    if (this.#acks.length === 0) setImmediate(() => this.flush());
    this.#acks.push(encodeFrame(command, [['id', id]]));
  }
}

import { BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';
import type { OutboundMessage } from '../../message/message.js';
import type { Delivery, Endpoint, Sink, SinkSpec, Transaction } from '../connector.js';
import type { StompFlavour } from '../flavours/flavour.js';
import { placeOf, refusalOf } from './errors.js';
import { encodeFrame, encodeHeaders, framePieces, type Headers, headersEnd } from './frame.js';
import { encodeSend, type Send } from './headers.js';

/** Messages in one transaction; measured: 20 to 500 perform alike. */
const LARGEST_BATCH = 200;
/** Bytes of bodies in one transaction; a larger body goes alone. A batch is copied once, for one write. */
const LARGEST_BATCH_BYTES = 1024 * 1024;

/** What goes into one transaction together. */
interface Pending {
  readonly sends: readonly Send[];
  /** Of the first of them. */
  readonly to: Address;
  /** Of the delivery that is accepted with them. */
  readonly ackId: string | undefined;
  /** Milliseconds on the monotonic clock, which no change of the system's time moves; counted from when it was written. */
  deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: BridgeError) => void;
}

/** One transaction under way, or a lone message that needs none. */
interface Batch {
  readonly members: readonly Pending[];
  /** The COMMIT, while it may not be written yet. */
  commit: Buffer | undefined;
}

export interface SinkConnection {
  readonly endpoint: Endpoint;
  readonly flavour: StompFlavour;
  /** Writes whole frames. */
  readonly write: (bytes: Buffer) => void;
  /** A receipt id of its own; `done` is called when the RECEIPT comes. */
  readonly receipt: (done: () => void) => string;
  /** See `StompSource.takeOver`. */
  readonly takeOver: (delivery: Delivery) => string | undefined;
}

/**
 * Sends what waits as one transaction, because the broker syncs its journal once a commit. A lone message goes alone and at
 * once. While a transaction waits for its receipt the next one's messages are written already, but it is committed only after that:
 * both brokers go on with what follows a refusal, so the later one would overtake the earlier, and be sent a second time
 * after it. What waits beyond the open transactions is bounded by the flow's credit.
 */
export class StompSink implements Sink {
  readonly #connection: SinkConnection;
  readonly #spec: SinkSpec;
  readonly #batchSize: number;
  readonly #sent = new Set<Pending>();
  #waiting: Pending[] = [];
  /** Oldest first. */
  readonly #open: Batch[] = [];
  #transaction = 0;
  #scheduled = false;
  #reason: BridgeError | undefined;
  readonly #sweep: NodeJS.Timeout;

  constructor(connection: SinkConnection, spec: SinkSpec) {
    this.#connection = connection;
    this.#spec = spec;
    const share = Math.floor(spec.window / connection.flavour.openTransactions);
    this.#batchSize = Math.max(1, Math.min(LARGEST_BATCH, share));
    this.#sweep = setInterval(() => this.#expire(), Math.max(50, spec.sendTimeout / 10)).unref();
  }

  send(message: OutboundMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      // What it throws the promise rejects with.
      const sends = [encodeSend(message, this.#connection.flavour)];
      this.#enqueue({ sends, to: message.to, ackId: undefined, resolve, reject });
    });
  }

  transaction(delivery: Delivery): Transaction {
    const sends: Send[] = [];
    let to = delivery.message.address;
    return {
      add: (message) => {
        sends.push(encodeSend(message, this.#connection.flavour));
        if (sends.length === 1) to = message.to;
      },
      commit: () =>
        new Promise((resolve, reject) => {
          const ackId = this.#connection.takeOver(delivery);
          if (ackId === undefined && this.#reason === undefined)
            reject(new BridgeError('connection-lost', 'the connection that the message came over is gone'));
          else this.#enqueue({ sends, to, ackId, resolve, reject });
        }),
    };
  }

  #enqueue({ sends, to, ackId, resolve, reject }: Omit<Pending, 'deadline'>): void {
    if (this.#reason !== undefined) {
      reject(this.#reason);
      return;
    }
    this.#waiting.push({ sends, to, ackId, resolve, reject, deadline: Number.POSITIVE_INFINITY });
    this.#schedule();
  }

  /** The connection is gone. `refusal` is the text of the ERROR frame that ended it, if one did. */
  lose(reason: BridgeError, refusal: string | undefined): void {
    this.#reason = reason;
    clearInterval(this.#sweep);
    const alone = this.#sent.size === 1;
    for (const { reject } of this.#sent)
      if (refusal === undefined) reject(reason);
      else if (alone) reject(refusalOf(this.#connection.endpoint, refusal));
      else reject(new BridgeError('batch-refused', `${placeOf(this.#connection.endpoint)}: ${refusal}`));
    for (const { reject } of this.#waiting) reject(reason);
    this.#sent.clear();
    this.#waiting = [];
  }

  /** One turn gathers what comes together; nothing waits longer than that while the connection is idle. */
  #schedule(): void {
    if (this.#scheduled || this.#open.length >= this.#connection.flavour.openTransactions) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { openTransactions } = this.#connection.flavour;
    while (this.#open.length < openTransactions && this.#waiting.length > 0 && this.#reason === undefined) {
      const members = this.#takeBatch();
      const deadline = performance.now() + this.#spec.sendTimeout;
      for (const pending of members) {
        pending.deadline = deadline;
        this.#sent.add(pending);
      }
      this.#begin(members);
    }
  }

  #begin(members: readonly Pending[]): void {
    const receipt: Headers[number] = ['receipt', this.#connection.receipt(() => this.#confirmed(members))];
    const isFirst = this.#open.length === 0;
    const lone = isFirst ? withoutTransaction(members) : undefined;
    const batch: Batch = { members, commit: undefined };
    this.#open.push(batch);
    if (lone !== undefined) {
      this.#connection.write(
        Buffer.concat(framePieces(lone.start, headersEnd(encodeHeaders([receipt])), lone.body)),
      );
      return;
    }
    const transaction: Headers[number] = ['transaction', `t${++this.#transaction}`];
    const commit = encodeFrame('COMMIT', [transaction, receipt]);
    const end = headersEnd(encodeHeaders([transaction]));
    const pieces = [encodeFrame('BEGIN', [transaction])];
    for (const { sends, ackId } of members) {
      for (const { start, body } of sends) pieces.push(...framePieces(start, end, body));
      if (ackId !== undefined) pieces.push(encodeFrame('ACK', [['id', ackId], transaction]));
    }
    if (isFirst) pieces.push(commit);
    else batch.commit = commit;
    this.#connection.write(Buffer.concat(pieces));
  }

  /** The oldest that wait, as many as go into one transaction; one at least. */
  #takeBatch(): Pending[] {
    let bytes = 0;
    const large = this.#waiting.findIndex(({ sends }) => {
      for (const { body } of sends) bytes += body.length;
      return bytes > LARGEST_BATCH_BYTES;
    });
    const fitting = large === -1 ? this.#batchSize : Math.max(1, large);
    return this.#waiting.splice(0, Math.min(this.#batchSize, fitting));
  }

  #confirmed(members: readonly Pending[]): void {
    const at = this.#open.findIndex((batch) => batch.members === members);
    if (at !== -1) this.#open.splice(at, 1);
    let messages = 0;
    for (const pending of members) {
      messages += pending.sends.length;
      if (this.#sent.delete(pending)) pending.resolve();
    }
    this.#spec.onBatch?.(messages);
    const [next] = this.#open;
    if (next?.commit !== undefined) {
      this.#connection.write(next.commit);
      next.commit = undefined;
    }
    this.#schedule();
  }

  /** Every send has the same time limit, so the oldest stands first. */
  #expire(): void {
    const now = performance.now();
    for (const pending of this.#sent) {
      if (pending.deadline > now) return;
      this.#sent.delete(pending);
      const text = `${placeOf(this.#connection.endpoint)}: no answer within ${this.#spec.sendTimeout} ms to a message for ${describeAddress(pending.to)}; is it full?`;
      pending.reject(new BridgeError('send-timeout', text));
    }
  }
}

/** A lone message that nothing else goes with. */
function withoutTransaction([first, ...rest]: readonly Pending[]): Send | undefined {
  const isLone = rest.length === 0 && first?.sends.length === 1 && first.ackId === undefined;
  return isLone ? first.sends[0] : undefined;
}

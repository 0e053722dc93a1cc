import { BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';
import type { OutboundMessage } from '../../message/message.js';
import type { Endpoint, Sink, SinkSpec } from '../connector.js';
import type { StompFlavour } from '../flavours/flavour.js';
import { placeOf, refusalOf } from './errors.js';
import { encodeFrame } from './frame.js';
import { encodeSend, type Send } from './headers.js';

/** Messages in one transaction; measured: 20 to 500 perform alike. */
const LARGEST_BATCH = 200;
/** Bytes of bodies in one transaction; a larger body goes alone. A batch is copied once, for one write. */
const LARGEST_BATCH_BYTES = 1024 * 1024;

interface Pending {
  readonly send: Send;
  readonly to: Address;
  /** Milliseconds since the epoch; counted from when it was written. */
  deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: BridgeError) => void;
}

export interface SinkConnection {
  readonly endpoint: Endpoint;
  readonly flavour: StompFlavour;
  /** Writes whole frames. */
  readonly write: (bytes: Buffer) => void;
  /** A receipt id of its own; `done` is called when the RECEIPT comes. */
  readonly receipt: (done: () => void) => string;
}

/**
 * Sends what waits as one transaction, because the broker syncs its journal once a commit. A lone message goes alone and at
 * once. What waits beyond the open transactions is bounded by the flow's credit.
 */
export class StompSink implements Sink {
  readonly #connection: SinkConnection;
  readonly #spec: SinkSpec;
  readonly #batchSize: number;
  readonly #sent = new Set<Pending>();
  #waiting: Pending[] = [];
  #batches = 0;
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

  async send(message: OutboundMessage): Promise<void> {
    const send = encodeSend(message, this.#connection.flavour);
    await new Promise<void>((resolve, reject) => {
      if (this.#reason !== undefined) {
        reject(this.#reason);
        return;
      }
      this.#waiting.push({ send, to: message.to, deadline: Number.POSITIVE_INFINITY, resolve, reject });
      this.#schedule();
    });
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
    if (this.#scheduled || this.#batches >= this.#connection.flavour.openTransactions) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { openTransactions } = this.#connection.flavour;
    while (this.#batches < openTransactions && this.#waiting.length > 0 && this.#reason === undefined) {
      const batch = this.#takeBatch();
      const deadline = Date.now() + this.#spec.sendTimeout;
      this.#batches++;
      for (const pending of batch) {
        pending.deadline = deadline;
        this.#sent.add(pending);
      }
      const receipt = this.#connection.receipt(() => this.#confirmed(batch));
      this.#connection.write(batch.length === 1 ? single(batch, receipt) : this.#together(batch, receipt));
    }
  }

  /** The oldest that wait, as many as go into one transaction; one at least. */
  #takeBatch(): Pending[] {
    let bytes = 0;
    const large = this.#waiting.findIndex(({ send }) => {
      bytes += send.body.length;
      return bytes > LARGEST_BATCH_BYTES;
    });
    const fitting = large === -1 ? this.#batchSize : Math.max(1, large);
    return this.#waiting.splice(0, Math.min(this.#batchSize, fitting));
  }

  #together(batch: readonly Pending[], receipt: string): Buffer {
    const transaction = `t${++this.#transaction}`;
    return Buffer.concat([
      encodeFrame('BEGIN', [['transaction', transaction]]),
      ...batch.map(({ send }) =>
        encodeFrame('SEND', [...send.headers, ['transaction', transaction]], send.body),
      ),
      encodeFrame('COMMIT', [
        ['transaction', transaction],
        ['receipt', receipt],
      ]),
    ]);
  }

  #confirmed(batch: readonly Pending[]): void {
    this.#batches--;
    for (const pending of batch) if (this.#sent.delete(pending)) pending.resolve();
    this.#schedule();
  }

  /** Every send has the same time limit, so the oldest stands first. */
  #expire(): void {
    const now = Date.now();
    for (const pending of this.#sent) {
      if (pending.deadline > now) return;
      this.#sent.delete(pending);
      const text = `${placeOf(this.#connection.endpoint)}: no answer within ${this.#spec.sendTimeout} ms to a message for ${describeAddress(pending.to)}; is it full?`;
      pending.reject(new BridgeError('send-timeout', text));
    }
  }
}

function single(batch: readonly Pending[], receipt: string): Buffer {
  return Buffer.concat(
    batch.map(({ send }) => encodeFrame('SEND', [...send.headers, ['receipt', receipt]], send.body)),
  );
}

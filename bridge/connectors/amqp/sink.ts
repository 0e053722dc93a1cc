import type { Delivery } from 'rhea';
import { asBridgeError, BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';
import type { OutboundMessage } from '../../message/message.js';
import type { Sink, SinkSpec } from '../connector.js';
import type { Wire } from './connection.js';
import { encodeMessage } from './encode.js';
import { place } from './errors.js';
import { RelaySender } from './sender.js';

/** rhea's session throws, and is dead afterwards, past 2,048 unsettled sends; more than this was not faster. */
const MAX_WINDOW = 500;

/** One call of `send`: waiting for room in the window, then in flight on a sender, then settled. */
interface Send {
  readonly to: Address;
  readonly encoded: Buffer;
  readonly settle: (error?: BridgeError) => void;
  timer?: NodeJS.Timeout;
  inFlight?: { readonly on: RelaySender; readonly delivery: Delivery };
}

/** Sends on the anonymous relay with many unsettled sends. Holds as many messages as its callers have sends open. */
export class AmqpSink implements Sink {
  readonly #window: number;
  readonly #waiting = new Set<Send>();
  readonly #inFlight = new Set<Send>();
  /** Undefined while a new one is opened in place of one that a send got no answer on. */
  #sender: RelaySender | undefined;

  static async open(wire: Wire, spec: SinkSpec): Promise<AmqpSink> {
    return new AmqpSink(wire, spec, await RelaySender.open(wire));
  }

  private constructor(
    readonly wire: Wire,
    readonly spec: SinkSpec,
    sender: RelaySender,
  ) {
    this.#window = Math.max(1, Math.min(spec.window, MAX_WINDOW));
    this.#sender = sender;
    wire.onEnd((reason) => this.#rejectAll(reason));
  }

  async send(message: OutboundMessage): Promise<void> {
    const encoded = encodeMessage(message, this.wire.flavour);
    if (this.wire.ended !== undefined) throw asLost(this.wire.ended);
    return new Promise((resolve, reject) => {
      const send: Send = {
        to: message.to,
        encoded,
        settle: (error) => {
          clearTimeout(send.timer);
          this.#waiting.delete(send);
          this.#inFlight.delete(send);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#waiting.add(send);
      this.#pump();
    });
  }

  #pump(): void {
    for (const send of this.#waiting) {
      if (this.#sender === undefined || this.#inFlight.size >= this.#window) return;
      if (this.#sender.isSpent) {
        this.#replaceSender();
        return;
      }
      this.#waiting.delete(send);
      this.#inFlight.add(send);
      this.#transmit(send, this.#sender);
    }
  }

  #transmit(send: Send, sender: RelaySender): void {
    send.timer = setTimeout(() => this.#timeOut(send), this.spec.sendTimeout);
    const delivery = sender.send(send.encoded, (error) => {
      send.settle(error);
      if (sender !== this.#sender) closeWhenDone(sender);
      this.#pump();
    });
    send.inFlight = { on: sender, delivery };
  }

  /**
   * A full Classic destination gives no answer at all, and rhea frees the place of a delivery in its session's buffer only
   * after the one before it. So nothing more is sent on this session; the other sends in flight there keep their chance.
   */
  #timeOut(send: Send): void {
    send.settle(
      new BridgeError(
        'send-timeout',
        `${place(this.wire.endpoint)}: no answer within ${this.spec.sendTimeout} ms to a message for ${describeAddress(send.to)}; is it full?`,
      ),
    );
    if (send.inFlight === undefined) return;
    const { on, delivery } = send.inFlight;
    on.forget(delivery);
    if (on === this.#sender) this.#replaceSender();
    closeWhenDone(on);
  }

  /** The sends in flight on the old one keep their chance; it is closed when the last of them has its answer. */
  #replaceSender(): void {
    this.#sender = undefined;
    RelaySender.open(this.wire).then(
      (sender) => {
        this.#sender = sender;
        this.#pump();
      },
      (error: unknown) => this.wire.end(asBridgeError(error, 'connection-lost')),
    );
  }

  #rejectAll(reason: BridgeError): void {
    this.#sender = undefined;
    for (const send of [...this.#inFlight, ...this.#waiting]) send.settle(asLost(reason));
  }
}

function closeWhenDone(sender: RelaySender): void {
  if (sender.unsettled === 0) sender.close();
}

/** An error of its own for each send, so that each has its own stack and nobody shares one. */
function asLost(reason: BridgeError): BridgeError {
  return new BridgeError('connection-lost', reason.message, { cause: reason });
}

import type { Delivery, EventContext, Sender } from 'rhea';
import { BridgeError } from '../../errors.js';
import type { Wire } from './connection.js';
import { place, reasonText, rejectionCode } from './errors.js';
import { linkOpened } from './link.js';

/**
 * rhea keeps the last 2,048 sends of a session and frees their places in order only; the send after that throws and ends the
 * session (3.0.5, session.js). This many after the oldest send without an answer, the sender is spent.
 */
const PLACES = 1_536;

/** Called once: without an error when the broker has the message. */
export type Confirm = (error?: BridgeError) => void;

/** One session with one sender on the anonymous relay: `to` of each message says where it goes. */
export class RelaySender {
  readonly #pending = new Map<
    Delivery,
    { readonly confirm: Confirm; readonly place: number; error?: BridgeError; accepted?: boolean }
  >();
  #places = 0;
  readonly #sender: Sender;
  #closed = false;

  /** Resolves when the broker has opened the link. */
  static async open(wire: Wire): Promise<RelaySender> {
    const session = wire.rhea.create_session();
    session.begin();
    // A session of its own: a link without credit holds up every other sender of its session in rhea.
    const sender = session.open_sender({
      source: {},
      target: {},
      snd_settle_mode: 0,
      treat_modified_as_released: false,
    });
    const relay = new RelaySender(wire, sender);
    await linkOpened(wire, sender, 'sender', 'the anonymous relay', () => relay.#closed);
    return relay;
  }

  private constructor(
    readonly wire: Wire,
    sender: Sender,
  ) {
    this.#sender = sender;
    const note = (error: (context: EventContext) => BridgeError | undefined) =>
      wire.guarded((context: EventContext) => {
        const pending = context.delivery && this.#pending.get(context.delivery);
        if (pending === undefined) return;
        const refusal = error(context);
        if (refusal === undefined) pending.accepted = true;
        else pending.error = refusal;
      });
    const released = (how: string) => () =>
      new BridgeError('send-released', `${place(wire.endpoint)}: the broker ${how} the message`);
    sender.on(
      'accepted',
      note(() => undefined),
    );
    sender.on('released', note(released('released')));
    sender.on('modified', note(released('gave back')));
    sender.on(
      'rejected',
      note((context) => {
        const reason: unknown = context.delivery?.remote_state?.error;
        return new BridgeError(
          rejectionCode(reason),
          `${place(wire.endpoint)}: the broker rejected the message: ${reasonText(reason)}`,
          { fromBroker: true },
        );
      }),
    );
    // Classic does not settle one that it finds no address in (6.1.8, AmqpReceiver); nothing more comes of a rejection.
    sender.on(
      'rejected',
      wire.guarded(({ delivery }: EventContext) => {
        const pending = delivery && this.#pending.get(delivery);
        if (delivery === undefined || pending === undefined || delivery.remote_settled) return;
        this.#pending.delete(delivery);
        delivery.update(true);
        // Frees its place in rhea's buffer.
        Object.assign(delivery, { remote_settled: true });
        pending.confirm(pending.error);
      }),
    );
    // The last event of a delivery, and the only one when the peer settles without saying an outcome.
    sender.on(
      'settled',
      wire.guarded((context: EventContext) => {
        const pending = context.delivery && this.#pending.get(context.delivery);
        if (context.delivery === undefined || pending === undefined) return;
        this.#pending.delete(context.delivery);
        if (pending.accepted) pending.confirm();
        else pending.confirm(pending.error ?? released('settled without an outcome')());
      }),
    );
  }

  /** True when nothing more may be sent on it, because an old send has no answer yet. */
  get isSpent(): boolean {
    const [oldest] = this.#pending.values();
    return oldest !== undefined && this.#places - oldest.place >= PLACES;
  }

  /** Messages without an answer. */
  get unsettled(): number {
    return this.#pending.size;
  }

  /** Hands an encoded message to rhea; returns what `forget` takes. */
  send(encoded: Buffer, confirm: Confirm): Delivery {
    this.wire.batchWrites();
    const delivery = this.#sender.send(encoded, undefined, 0);
    this.#pending.set(delivery, { confirm, place: this.#places++ });
    return delivery;
  }

  /** Stops waiting for the answer to a send. */
  forget(delivery: Delivery): void {
    this.#pending.delete(delivery);
  }

  /** Ends link and session; deliveries without an answer have an unknown outcome. */
  close(): void {
    this.#closed = true;
    this.#sender.close();
    this.#sender.session.close();
  }
}

import rhea, { type EventContext, type Receiver, type Delivery as RheaDelivery } from 'rhea';
import { BridgeError } from '../../errors.js';
import { describeAddress, renderPattern } from '../../message/address.js';
import type { Delivery, Outcome, Source } from '../connector.js';
import type { Wire } from './connection.js';
import { Credit } from './credit.js';
import { decodeMessage, isRedelivered, type JmsSourceSpec } from './decode.js';
import { place } from './errors.js';
import { linkOpened } from './link.js';
import { SettlementQueue } from './settlement.js';

const APPLY: Readonly<Record<Outcome, (delivery: RheaDelivery) => void>> = {
  accepted: (delivery) => delivery.accept(),
  released: (delivery) => delivery.release(),
  rejected: (delivery) => delivery.reject(),
};

/**
 * The session's window: with this many frames received and the first of them unsettled, the broker waits, whatever the
 * credit. rhea's own 2,048 would be less than a route may have in flight.
 */
const MAX_UNSETTLED = 65_536;

/** A broker that does not answer a drain must not keep `stop` from ending. */
const DRAIN_MILLISECONDS = 2_000;

/** One subscription on a session of its own: rhea settles by ranges of a session, and its window is a session's, too. */
export class AmqpSource implements Source {
  readonly #settlements = new SettlementQueue();
  readonly #receiver: Receiver;
  readonly #credit = new Credit();
  #willTell = false;
  #unsettled = 0;
  #stopping: Promise<void> | undefined;
  /** The broker has no credit left: nothing more will come. */
  #stopped = false;
  #closed = false;
  #drained: () => void = () => {};

  /** Resolves when the broker has confirmed the subscription; no credit is given yet. */
  static async open(
    wire: Wire,
    spec: JmsSourceSpec,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<AmqpSource> {
    const session = wire.rhea.create_session({ incoming: MAX_UNSETTLED });
    session.begin();
    const receiver = session.open_receiver({
      ...(spec.durable === undefined ? {} : { name: spec.durable }),
      source: sourceTerminus(wire, spec),
      // Credit is given by hand: rhea's own window is refilled on arrival, not on settlement.
      credit_window: 0,
      autoaccept: false,
      snd_settle_mode: 0,
      rcv_settle_mode: 0,
    });
    const source = new AmqpSource(wire, spec, receiver, onDelivery);
    const name = renderPattern(spec.pattern, { one: '*', rest: '>' });
    const what = `the subscription to ${describeAddress({ kind: spec.kind, name })}`;
    await linkOpened(wire, receiver, 'receiver', what, () => source.#closed, spec.durable !== undefined);
    return source;
  }

  private constructor(
    readonly wire: Wire,
    readonly spec: JmsSourceSpec,
    receiver: Receiver,
    onDelivery: (delivery: Delivery) => void,
  ) {
    this.#receiver = receiver;
    receiver.on(
      'message',
      wire.guarded((context: EventContext) => this.#receive(context, onDelivery)),
    );
    receiver.on('receiver_drained', () => this.#drained());
    wire.onEnd(() => {
      this.#closed = true;
      this.#settlements.clear();
      this.#drained();
    });
  }

  grant(credit: number): void {
    if (this.#stopping !== undefined || this.#closed || credit <= 0) return;
    this.#credit.grant(credit);
    this.#tellSoon();
  }

  /** Once for all that is granted and comes in this turn. */
  #tellSoon(): void {
    if (this.#willTell) return;
    this.#willTell = true;
    setImmediate(() => {
      this.#willTell = false;
      this.#tell(this.#credit.takeDue(this.#unsettled));
    });
  }

  #tell(credit: number): void {
    if (credit === 0 || this.#closed) return;
    this.wire.batchWrites();
    this.#receiver.add_credit(credit);
  }

  stop(): Promise<void> {
    this.#credit.revoke();
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Resolves when every outcome that was set has been handed to the broker. */
  settled(): Promise<void> {
    return this.#settlements.idle();
  }

  async drain(): Promise<void> {
    this.#tell(this.#credit.takeAll());
    if (this.#credit.known <= 0 || this.#closed) return;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, DRAIN_MILLISECONDS);
      this.#drained = () => {
        clearTimeout(deadline);
        this.#credit.returned();
        resolve();
      };
      this.#receiver.drain_credit();
    });
  }

  async #stop(): Promise<void> {
    await this.drain();
    this.#stopped = true;
    this.#closeWhenSettled();
  }

  #receive({ message, delivery }: EventContext, onDelivery: (delivery: Delivery) => void): void {
    if (message === undefined || delivery === undefined) return;
    this.#credit.use();
    if (this.#credit.known < 0) {
      const { endpoint } = this.wire;
      const text = `${place(endpoint)}: it sends more messages than it was asked for`;
      this.wire.end(new BridgeError('connection-lost', text));
      return;
    }
    this.#tellSoon();
    this.#unsettled++;
    // On its way when the drain began.
    if (this.#stopping !== undefined) {
      this.#settle('released', delivery);
      return;
    }
    let settled = false;
    onDelivery({
      message: decodeMessage(message, this.spec, this.wire.flavour),
      redelivered: isRedelivered(message),
      settle: (outcome) => {
        if (settled) throw new Error('a delivery is settled once');
        settled = true;
        this.#settle(outcome, delivery);
      },
    });
  }

  #settle(outcome: Outcome, delivery: RheaDelivery): void {
    if (this.#closed) return;
    this.#settlements.add(outcome, () => {
      this.wire.batchWrites();
      APPLY[outcome](delivery);
      this.#unsettled--;
      this.#closeWhenSettled();
    });
  }

  /** Closing the link gives what is unsettled back to the broker, so it waits for the last outcome. */
  #closeWhenSettled(): void {
    if (!this.#stopped || this.#closed || this.#unsettled > 0) return;
    this.#closed = true;
    // A turn later, so that the last outcome is written first. Closing, unlike detaching, would end a durable subscription.
    setImmediate(() => {
      if (this.wire.ended !== undefined) return;
      if (this.spec.durable === undefined) this.#receiver.close();
      else this.#receiver.detach();
      this.#receiver.session.close();
    });
  }
}

function sourceTerminus(wire: Wire, spec: JmsSourceSpec) {
  const { address, capabilities } = wire.flavour.source(spec.pattern);
  return {
    address,
    capabilities: [...capabilities],
    // AMQP 1.0, 3.5.3: a copy of each message goes over the link.
    ...(spec.browse === true ? { distribution_mode: 'copy' } : {}),
    ...(spec.selector === undefined ? {} : { filter: rhea.filter.selector(spec.selector) }),
    // 2: unsettled-state; kept when the link, session or connection ends (AMQP 1.0, 3.5.5 and 3.5.6).
    ...(spec.durable === undefined ? {} : { durable: 2 as const, expiry_policy: 'never' as const }),
  };
}

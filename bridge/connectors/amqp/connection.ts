import type { Socket } from 'node:net';
import type { Connection as RheaConnection } from 'rhea';
import { asBridgeError, BridgeError } from '../../errors.js';
import type { Connection, Delivery, Endpoint, Sink, SinkSpec, Source, SourceSpec } from '../connector.js';
import type { AmqpFlavour, EncodedBodies } from '../flavours/flavour.js';
import { LARGEST_MESSAGE } from '../frame-meter.js';
import { peerName } from '../peer.js';
import { tlsRefusal } from '../tls-refusal.js';
import { encodesBodies } from './encoding-probe.js';
import { amqpReason, garbled, place, reasonText } from './errors.js';
import { hasEndlessMessage, readNoMore } from './guard.js';
import { AmqpSink } from './sink.js';
import { AmqpSource } from './source.js';

/** What a source or sink needs of the connection that it lives on. */
export interface Wire {
  readonly endpoint: Endpoint;
  readonly flavour: AmqpFlavour;
  readonly rhea: RheaConnection;
  /** Set once the connection is gone. */
  readonly ended: BridgeError | undefined;
  /** Ends the connection, once; the first reason is the one that `lost` tells. */
  end(reason: BridgeError): void;
  /** The call is made when the connection ends, at once when it has. */
  onEnd(callback: (reason: BridgeError) => void): void;
  /** What is written from now to the end of this turn leaves in one piece; rhea writes frame by frame. */
  batchWrites(): void;
  /** A handler for rhea: what it throws ends the connection instead of ending up in rhea's reader. */
  guarded<A extends unknown[]>(handler: (...args: A) => void): (...args: A) => void;
}

/** The contract: `close` ends within 2 s. */
const POLITE_MILLISECONDS = 1_500;

/** One open AMQP connection. rhea's own reconnect is off: it forgets unsettled sends without an event. */
export class AmqpConnection implements Connection, Wire {
  readonly lost: Promise<BridgeError>;
  readonly notes: string[] = [];
  #resolveLost: (reason: BridgeError) => void = () => {};
  #ended: BridgeError | undefined;
  readonly #onEnd: ((reason: BridgeError) => void)[] = [];
  readonly #sources = new Set<AmqpSource>();
  readonly #socket: Socket;
  #corked = false;
  /** Milliseconds on the monotonic clock. */
  #lastHeard = performance.now();
  #closing: Promise<void> | undefined;

  /** Takes over a connection that has just been told to connect. */
  constructor(
    readonly endpoint: Endpoint,
    readonly flavour: AmqpFlavour,
    readonly rhea: RheaConnection,
  ) {
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
    this.#socket = rhea.socket as Socket;
    const endWith = (reason: unknown) => this.end(this.#lostBecause(reason));
    this.#socket.on('data', () => {
      this.#lastHeard = performance.now();
      if (this.#ended === undefined && hasEndlessMessage(rhea))
        endWith({
          description: `it sent a message of more than ${LARGEST_MESSAGE} bytes, or in too many pieces`,
        });
    });
    // rhea hands over a context, or for the last two the error itself. The listeners stay for good: without one rhea
    // prints to the console or throws.
    rhea.on('connection_error', (context) => endWith(context.error));
    rhea.on('connection_close', (context) => endWith(context.error));
    rhea.on('disconnected', (context) => endWith(context.error));
    rhea.on('protocol_error', (error) => endWith(garbled(error)));
    rhea.on('error', (error) => endWith(garbled(error)));
  }

  get ended(): BridgeError | undefined {
    return this.#ended;
  }

  end(reason: BridgeError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    readNoMore(this.rhea);
    // An error makes rhea clear its heartbeat timers, which it does on an `error` or `end` of the socket only.
    this.#socket.on('error', () => {});
    this.#socket.destroy(reason);
    for (const callback of this.#onEnd.splice(0)) callback(reason);
    this.#sources.clear();
    this.#resolveLost(reason);
  }

  onEnd(callback: (reason: BridgeError) => void): void {
    if (this.#ended === undefined) this.#onEnd.push(callback);
    else callback(this.#ended);
  }

  batchWrites(): void {
    if (this.#corked || this.#ended !== undefined) return;
    this.#corked = true;
    this.#socket.cork();
    setImmediate(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  guarded<A extends unknown[]>(handler: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        handler(...args);
      } catch (error) {
        this.end(this.#lostBecause(error));
      }
    };
  }

  async source(spec: SourceSpec, onDelivery: (delivery: Delivery) => void): Promise<Source> {
    if (spec.kind === 'mqtt')
      throw new BridgeError(
        'subscription-refused',
        `${place(this.endpoint)}: AMQP reads queues and topics only`,
      );
    if (this.#ended !== undefined) throw this.#ended;
    const source = await AmqpSource.open(this, spec, onDelivery);
    this.#sources.add(source);
    return source;
  }

  async sink(spec: SinkSpec): Promise<Sink> {
    if (this.#ended !== undefined) throw this.#ended;
    const { encodedBodies } = this.flavour;
    if (encodedBodies !== undefined) await this.#checkBodies(encodedBodies, spec);
    return AmqpSink.open(this, spec);
  }

  get peer(): string | undefined {
    const { product, version }: Record<string, unknown> = this.rhea.properties ?? {};
    return peerName(product, version);
  }

  /** @throws BridgeError `wrong-broker` when what is sent here would be unreadable, unless the sink opens even so */
  async #checkBodies(bodies: EncodedBodies, { evenIfUnreadable }: SinkSpec): Promise<void> {
    let encodes: boolean;
    try {
      encodes = await encodesBodies(this, bodies);
    } catch (error) {
      if (this.#ended !== undefined) throw this.#ended;
      const { message } = asBridgeError(error, 'connection-lost');
      this.notes.push(
        `cannot find out whether its AMQP connector has ${bodies.cure}, without which only AMQP clients can read what is sent over AMQP: ${message}`,
      );
      return;
    }
    if (!encodes) return;
    const what = `only AMQP clients can read what is sent over AMQP to it, all others get the encoded message as bytes: set ${bodies.cure} on its AMQP connector`;
    if (evenIfUnreadable !== true)
      throw new BridgeError('wrong-broker', `${place(this.endpoint)}: ${what}, or send via: stomp`);
    this.notes.push(`${what}; dead letters go there`);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const closed = new BridgeError('connection-lost', `${place(this.endpoint)}: closed by the bridge`);
    const deadline = setTimeout(() => this.end(closed), POLITE_MILLISECONDS);
    // Outcomes that the flow has decided still go out: otherwise the broker sends those messages again.
    const settled = Promise.all([...this.#sources].map((source) => source.settled()));
    await Promise.race([settled, this.lost]);
    if (this.#ended === undefined) this.rhea.close();
    await this.lost;
    clearTimeout(deadline);
  }

  #lostBecause(reason: unknown): BridgeError {
    if (reason instanceof BridgeError) return reason;
    if (this.#closing === undefined && this.rhea.container_id === undefined) {
      const refusal = tlsRefusal(this.endpoint, place(this.endpoint), reason);
      if (refusal !== undefined) return refusal;
    }
    return new BridgeError('connection-lost', `${place(this.endpoint)}: ${this.#describe(reason)}`, {
      cause: amqpReason(reason),
    });
  }

  #describe(reason: unknown): string {
    if (this.#closing !== undefined) return 'closed by the bridge';
    if (reason !== undefined) return reasonText(reason);
    const silence = performance.now() - this.#lastHeard;
    return silence >= this.endpoint.idleTimeout
      ? `nothing was heard for ${Math.round(silence / 1000)} s`
      : 'the broker closed the connection';
  }
}

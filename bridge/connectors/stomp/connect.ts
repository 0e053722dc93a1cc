import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { asBridgeError, BridgeError } from '../../errors.js';
import { describeAddress, renderPattern } from '../../message/address.js';
import type { Connect, Connection, Delivery, Endpoint, SinkSpec, SourceSpec } from '../connector.js';
import { flavourOf, type StompFlavour } from '../flavours/flavour.js';
import { peerOfServerHeader } from '../peer.js';
import { openedEvent, openSocket } from '../socket.js';
import { tlsRefusal } from '../tls-refusal.js';
import { connectError, endOf, placeOf, textOf } from './errors.js';
import { encodeFrame } from './frame.js';
import { connectClient, createClient, handleFrames, type IncomingFrame, type StompClient } from './guard.js';
import { StompSink } from './sink.js';
import { StompSource } from './source.js';

/** Messages a broker may hand over without acknowledgement, at most, whatever a route may have in flight. */
const MAX_PREFETCH = 1_024;
/** Milliseconds that a polite end may take. */
const CLOSE_LIMIT = 1_500;

/** The STOMP 1.2 connector. The handshake and incoming frames are stompit's, guarded (guard.ts); the rest is here. */
export const connectStomp: Connect = async (endpoint, stop) => {
  const broker = flavourOf(endpoint.brokerType);
  if (broker.stomp === undefined)
    throw new BridgeError('wrong-broker', `${placeOf(endpoint)}: ${broker.product} has no STOMP`);
  try {
    const connectHeaders = headersOf(endpoint);
    const { connection, headers } = await shakeHands(endpoint, broker.stomp, connectHeaders, stop);
    const server = headers.server ?? '';
    if (!broker.stomp.isServer(server) || headers.version !== '1.2') {
      await connection.close();
      throw wrongBroker(endpoint, broker.product, server, headers.version);
    }
    return connection;
  } catch (error) {
    throw connectError(endpoint, error);
  }
};

function wrongBroker(endpoint: Endpoint, product: string, server: string, version?: string): BridgeError {
  if (version !== '1.2')
    return new BridgeError(
      'wrong-broker',
      `${placeOf(endpoint)} speaks STOMP ${version ?? '1.0'}; this needs 1.2`,
    );
  const type = (['activemq', 'artemis'] as const).find((other) => flavourOf(other).stomp?.isServer(server));
  const advice = type === undefined ? '' : `; write \`type: ${type}\``;
  const shown = JSON.stringify(server.slice(0, 80));
  return new BridgeError('wrong-broker', `${placeOf(endpoint)} is ${shown}, not ${product}${advice}`);
}

/** TCP or TLS, then CONNECT and CONNECTED, within the endpoint's time. */
function shakeHands(
  endpoint: Endpoint,
  flavour: StompFlavour,
  connectHeaders: Readonly<Record<string, string>>,
  stop: AbortSignal,
): Promise<{ connection: StompConnection; headers: Readonly<Record<string, string>> }> {
  const socket = openSocket(endpoint);
  const client = createClient(socket, endpoint.idleTimeout);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      cleanUp();
      // First the reason: destroying the client is reported as an end of its own.
      reject(asBridgeError(error, 'connection-failed', `cannot connect to ${placeOf(endpoint)}`));
      client.destroy();
    };
    const onAbort = () => fail(new Error('the bridge is stopping'));
    const deadline = setTimeout(() => fail(new Error('it does not answer')), endpoint.connectTimeout);
    const cleanUp = () => {
      clearTimeout(deadline);
      stop.removeEventListener('abort', onAbort);
    };
    if (stop.aborted) return onAbort();
    stop.addEventListener('abort', onAbort);
    const failSocket = (error?: Error) =>
      fail(
        tlsRefusal(endpoint, placeOf(endpoint), error) ??
          (hasHungUp(error) ? new Error('it closed the connection before it answered') : error),
      );
    client.on('error', failSocket);
    client.on('end', failSocket);
    client.on('connect', () => {
      cleanUp();
      // In this very turn: what follows CONNECTED at once would find stompit's own handlers.
      resolve({
        connection: new StompConnection(socket, client, endpoint, flavour),
        headers: client.headers ?? {},
      });
    });
    socket.once(openedEvent(endpoint), () =>
      connectClient(client, connectHeaders, (frame) => fail(new Error(textOf(frame)))),
    );
    return undefined;
  });
}

/** Of the CONNECT frame. @throws BridgeError `authentication-failed` */
function headersOf({ host, clientId, username, password }: Endpoint): Readonly<Record<string, string>> {
  return {
    'accept-version': '1.2',
    host,
    'client-id': clientId,
    ...(username === undefined ? {} : { login: plainHeader(username) }),
    ...(password === undefined ? {} : { passcode: plainHeader(password.reveal()) }),
  };
}

/** STOMP 1.2 does not escape the headers of CONNECT, so a line break would begin another header. */
function plainHeader(text: string): string {
  if (/[\r\n\0]/.test(text))
    throw new BridgeError(
      'authentication-failed',
      'an account or password with a line break cannot be sent over STOMP',
    );
  return text;
}

class StompConnection implements Connection {
  readonly lost: Promise<BridgeError>;
  readonly peer: string | undefined;
  readonly #socket: Socket;
  readonly #client: StompClient;
  readonly #forgetBody: () => void;
  readonly #endpoint: Endpoint;
  readonly #flavour: StompFlavour;
  readonly #receipts = new Map<string, () => void>();
  readonly #sources = new Map<string, StompSource>();
  readonly #sinks: StompSink[] = [];
  /**
   * Classic writes the name of a property as it is: with line breaks and a NUL in it a sender can make frames of its own here
   * (6.1.8). None of them is answered that does not know this.
   */
  readonly #secret = randomBytes(9).toString('hex');
  #nextId = 0;
  #refusal: string | undefined;
  #onRefusal: ((text: string) => void) | undefined;
  #reason: BridgeError | undefined;
  #closing: Promise<void> | undefined;
  /** Why we end it, when it is not just closed. */
  #farewell = '';

  constructor(socket: Socket, client: StompClient, endpoint: Endpoint, flavour: StompFlavour) {
    this.#socket = socket;
    this.#client = client;
    this.#endpoint = endpoint;
    this.#flavour = flavour;
    this.peer = peerOfServerHeader(client.headers?.server);
    this.#forgetBody = handleFrames(client, endpoint.idleTimeout, {
      MESSAGE: (frame) => this.#sources.get(frame.headers.subscription ?? '')?.arrive(frame),
      RECEIPT: (frame) => this.#receipt(frame),
      ERROR: (frame) => this.#refused(frame),
    });
    this.lost = new Promise((resolve) => {
      const end = (text: string) => {
        if (this.#reason !== undefined) return;
        this.#reason = new BridgeError(
          'connection-lost',
          `the connection to ${placeOf(endpoint)} is gone${this.#farewell || text}`,
        );
        this.#lose(this.#reason);
        resolve(this.#reason);
      };
      client.on('error', (error) => end(`: ${endOf(error)}`));
      client.on('end', () => end(''));
      socket.on('close', () => end(''));
      if (socket.destroyed) end('');
    });
  }

  async source(spec: SourceSpec, onDelivery: (delivery: Delivery) => void): Promise<StompSource> {
    if (spec.kind === 'mqtt') throw new TypeError('STOMP reads queues and topics');
    const id = this.#newId('s');
    const source = new StompSource(
      {
        flavour: this.#flavour,
        write: (bytes) => this.#write(bytes),
        end: (reason) => this.#endPolitely(reason),
      },
      spec.pattern,
      onDelivery,
    );
    this.#sources.set(id, source);
    const { pattern, selector, durable, window } = spec;
    const headers = this.#flavour.subscribeHeaders({
      pattern,
      prefetch: Math.min(window, MAX_PREFETCH),
      ...(durable === undefined ? {} : { durable }),
    });
    const name = renderPattern(pattern, { one: '*', rest: '>' });
    const what = `the subscription to ${describeAddress({ kind: spec.kind, name })}`;
    await this.#ask(what, 'SUBSCRIBE', [
      ['id', id],
      ['ack', 'client-individual'],
      ...Object.entries(headers),
      ...(selector === undefined ? [] : [['selector', selector] as const]),
    ]);
    return source;
  }

  async sink(spec: SinkSpec): Promise<StompSink> {
    const sink = new StompSink(
      {
        endpoint: this.#endpoint,
        flavour: this.#flavour,
        write: (bytes) => this.#write(bytes),
        receipt: (done) => this.#expectReceipt(done),
        takeOver: (delivery) => this.#takeOver(delivery),
      },
      spec,
    );
    this.#sinks.push(sink);
    if (this.#reason !== undefined) sink.lose(this.#reason, undefined);
    return sink;
  }

  #takeOver(delivery: Delivery): string | undefined {
    for (const source of this.#sources.values()) {
      const ackId = source.takeOver(delivery);
      if (ackId !== undefined) return ackId;
    }
    return undefined;
  }

  /** With DISCONNECT: only after its receipt does the broker let another connection have the same client id. */
  #endPolitely(reason: string): void {
    if (this.#closing === undefined) this.#farewell = `: ${reason}`;
    void this.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#reason === undefined) {
      for (const source of this.#sources.values()) source.flush();
      const limit = setTimeout(() => this.#client.destroy(), CLOSE_LIMIT);
      // The receipt says that the broker has read every ACK before it.
      this.#write(
        encodeFrame('DISCONNECT', [['receipt', this.#expectReceipt(() => this.#client.destroy())]]),
      );
      await this.lost;
      clearTimeout(limit);
    }
    this.#socket.destroy();
  }

  /** A frame that the broker has to confirm. @throws BridgeError `subscription-refused`, `connection-lost` */
  #ask(what: string, command: string, headers: readonly (readonly [string, string])[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) {
        reject(this.#reason);
        return;
      }
      const { connectTimeout } = this.#endpoint;
      const refuse = (text: string) =>
        reject(new BridgeError('subscription-refused', `${placeOf(this.#endpoint)} ${text}`));
      const deadline = setTimeout(
        () => refuse(`does not confirm ${what} within ${connectTimeout} ms`),
        connectTimeout,
      );
      const receipt = this.#expectReceipt(() => {
        clearTimeout(deadline);
        this.#onRefusal = undefined;
        resolve();
      });
      this.#onRefusal = (text) => refuse(`refuses ${what}: ${text}`);
      void this.lost.then((reason) => {
        clearTimeout(deadline);
        reject(reason);
      });
      this.#write(encodeFrame(command, [...headers, ['receipt', receipt]]));
    });
  }

  #newId(kind: 's' | 'r'): string {
    return `${kind}${++this.#nextId}-${this.#secret}`;
  }

  #expectReceipt(done: () => void): string {
    const id = this.#newId('r');
    this.#receipts.set(id, done);
    return id;
  }

  #receipt({ headers }: IncomingFrame): void {
    const id = headers['receipt-id'] ?? '';
    const done = this.#receipts.get(id);
    this.#receipts.delete(id);
    done?.();
  }

  /**
   * STOMP 1.2: after an ERROR frame the broker closes the connection. Until then it answers on: Artemis with a RECEIPT for the COMMIT of
   * a transaction of which nothing is left (2.40.0).
   */
  #refused(frame: IncomingFrame): void {
    this.#receipts.clear();
    this.#refusal ??= textOf(frame);
    this.#onRefusal?.(this.#refusal);
    this.#client.destroy(new Error(this.#refusal));
  }

  #lose(reason: BridgeError): void {
    this.#forgetBody();
    this.#receipts.clear();
    for (const source of this.#sources.values()) source.lose();
    for (const sink of this.#sinks) sink.lose(reason, this.#refusal);
    this.#socket.destroy();
  }

  #write(bytes: Buffer): void {
    if (this.#reason === undefined) this.#socket.write(bytes);
  }
}

/** Without an error, or with what a write meets after the peer has closed. */
const hasHungUp = (error: Error | undefined): boolean =>
  error === undefined || ['EPIPE', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '');

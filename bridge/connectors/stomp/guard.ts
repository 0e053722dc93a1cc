import type { Duplex } from 'node:stream';
import stompit from 'stompit';
import IncomingFrameStream from 'stompit/lib/IncomingFrameStream.js';
import { LARGEST_MESSAGE } from '../frame-meter.js';

/**
 * stompit 1.0.0 as this connector uses it: it shakes hands, cuts the incoming bytes into frames and keeps the heart beat.
 * Sending, receipts and subscriptions are ours, and what is wrong in the rest is put right here, each with its reason.
 */
export interface StompClient {
  connect(headers: Readonly<Record<string, string>>): void;
  setUnknownCommandHandler(handler: (frame: { readonly command: string }) => void): void;
  setCommandHandlers(handlers: Readonly<Record<string, FrameHandler>>): void;
  destroy(error?: Error): void;
  on(event: 'connect' | 'end', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  /** Of the CONNECTED frame. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface IncomingFrame {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

type FrameHandler = (frame: FrameStream, beforeSendResponse: () => void) => void;

interface FrameStream {
  readonly headers: Readonly<Record<string, string>>;
  on(event: 'data', listener: (chunk: Buffer) => void): void;
  on(event: 'end', listener: () => void): void;
}

interface Inside extends StompClient {
  readonly _commandHandlers: Readonly<Record<string, FrameHandler>>;
  readonly _incoming: { _lineStringEncoding: string };
}

/** Longest header line and most headers taken. The defaults, 1,024 and 64, end the connection on one long JMS property. */
const LIMITS = { maxLineLength: 1024 * 1024, maxHeaders: 1_000 };

/** Bytes and lines of all headers of a frame. Repeated ones count: they have no end otherwise. */
const LARGEST_HEADERS = 4 * 1024 * 1024;
const MOST_LINES = 10_000;

/** A client on a socket of ours. */
export function createClient(socket: Duplex, heartBeat: number): StompClient {
  const options = {
    ...LIMITS,
    heartbeat: [heartBeat, heartBeat],
    // Its own margin of 100 ms takes a busy event loop for a dead peer.
    heartbeatDelayMargin: heartBeat,
    heartbeatOutputMargin: Math.round(heartBeat / 3),
  };
  const client = new stompit.Client(socket as never, options as never) as unknown as Inside;
  // A character whose bytes come in two chunks would become U+FFFD; `parseHeaderLine` decodes whole lines.
  client._incoming._lineStringEncoding = 'latin1';
  client.setUnknownCommandHandler(({ command }) => {
    const shown = JSON.stringify(command.slice(0, 40));
    client.destroy(new Error(`what it sent is no frame of STOMP 1.2 that belongs here: ${shown}`));
  });
  return client;
}

/** Begins to connect, with an ERROR handler that does not end the process (stompit's own does for a text body). */
export function connectClient(
  client: StompClient,
  headers: Readonly<Record<string, string>>,
  onError: (frame: IncomingFrame) => void,
): void {
  client.connect(headers);
  const { CONNECTED } = (client as Inside)._commandHandlers;
  if (CONNECTED === undefined)
    throw new TypeError('stompit has no CONNECTED handler; this needs version 1.0.0');
  client.setCommandHandlers({ CONNECTED, ERROR: headersOnly(onError) });
}

/**
 * Takes over every frame after CONNECTED; `limit`: milliseconds that a body may pause. What it gives back is to be called when the
 * connection is gone, and forgets what has come of a body.
 */
export function handleFrames(
  client: StompClient,
  limit: number,
  handlers: Readonly<Record<'MESSAGE' | 'RECEIPT' | 'ERROR', (frame: IncomingFrame) => void>>,
): () => void {
  const body = new Body(client, limit);
  client.setCommandHandlers({
    MESSAGE: body.whole(handlers.MESSAGE),
    RECEIPT: body.whole(handlers.RECEIPT),
    ERROR: headersOnly(handlers.ERROR),
  });
  return () => body.forget();
}

/**
 * An unread body blocks everything behind it, receipts too: each body is read at once. One that never ends would swallow all
 * that follows while heart beats keep the connection up: a property named content-length is enough for that on Classic.
 */
class Body {
  readonly #client: StompClient;
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #deadline: NodeJS.Timeout | undefined;

  constructor(client: StompClient, limit: number) {
    this.#client = client;
    this.#limit = limit;
  }

  whole(handle: (frame: IncomingFrame) => void): FrameHandler {
    return (stream) => {
      this.#deadline = setTimeout(() => this.#giveUp('a message did not end'), this.#limit);
      stream.on('data', (chunk) => this.#add(chunk));
      stream.on('end', () => {
        const body = Buffer.concat(this.#chunks);
        this.forget();
        handle({ headers: stream.headers, body });
      });
    };
  }

  forget(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#chunks = [];
    this.#size = 0;
  }

  #add(chunk: Buffer): void {
    if (this.#deadline === undefined) return;
    this.#deadline.refresh();
    this.#size += chunk.length;
    if (this.#size > LARGEST_MESSAGE) this.#giveUp(`a message is larger than ${LARGEST_MESSAGE} bytes`);
    else this.#chunks.push(chunk);
  }

  #giveUp(reason: string): void {
    this.forget();
    this.#client.destroy(new Error(reason));
  }
}

/** The end of the connection is on the heels of an ERROR frame; both brokers say why in its `message` header. */
function headersOnly(handle: (frame: IncomingFrame) => void): FrameHandler {
  return (stream) => handle({ headers: stream.headers, body: Buffer.alloc(0) });
}

interface Parser {
  _command: string;
  _headers: Record<string, string>;
  _numHeaders: number;
  readonly _maxHeaders: number;
  /** Ours: how much of the headers has come of the frame that `of` belongs to. */
  _taken?: { readonly of: object; bytes: number; lines: number };
  _parseLine(): string | null;
  _beginBody(): void;
}

const parser = IncomingFrameStream as {
  readonly prototype: {
    _parseHeaderLine: unknown;
    setVersion(this: { _decode: unknown }, version: string): boolean;
  };
};

/** The library's decoder for STOMP 1.2: it throws its own ParseError, which is the way to give up on a frame. */
const decode = ((): ((text: string) => string) => {
  const holder: { _decode: unknown } = { _decode: undefined };
  parser.prototype.setVersion.call(holder, '1.2');
  return holder._decode as (text: string) => string;
})();
const giveUp = () => decode('\\x');

function giveUpBecause(reason: string): void {
  try {
    giveUp();
  } catch (error) {
    if (error instanceof Error) error.message = reason;
    throw error;
  }
}

/**
 * In place of stompit's: a message with a property named `hasOwnProperty` ended the process there, `__proto__` got lost, a
 * content-length below zero moved the end of the body, and what came in one piece with CONNECTED was not decoded.
 * Repeated headers: the first one counts (STOMP 1.2, "Repeated Header Entries").
 */
function parseHeaderLine(this: Parser): void {
  const line = this._parseLine();
  if (line === null) return;
  if (line === '') {
    this._beginBody();
    return;
  }
  if (this._taken?.of !== this._headers) this._taken = { of: this._headers, bytes: 0, lines: 0 };
  const taken = this._taken;
  taken.bytes += line.length;
  if (taken.bytes > LARGEST_HEADERS || ++taken.lines > MOST_LINES)
    giveUpBecause(`a frame has more than ${LARGEST_HEADERS} bytes or ${MOST_LINES} lines of headers`);
  const separator = line.indexOf(':');
  if (separator === -1 || this._numHeaders >= this._maxHeaders) giveUp();
  // Nothing is escaped there (STOMP 1.2, "Value Encoding").
  const plain = this._command === 'CONNECTED' ? (text: string) => text : decode;
  const utf8 = (text: string) => plain(Buffer.from(text, 'latin1').toString('utf8'));
  const name = utf8(line.slice(0, separator));
  if (Object.hasOwn(this._headers, name)) return;
  const value = utf8(line.slice(separator + 1));
  if (name === 'content-length' && !/^\d{1,10}$/.test(value)) giveUp();
  Object.defineProperty(this._headers, name, { value, enumerable: true, configurable: true, writable: true });
  this._numHeaders++;
}

// The parser names its next step by the prototype's method, so this is the one place where it can be replaced.
parser.prototype._parseHeaderLine = parseHeaderLine;

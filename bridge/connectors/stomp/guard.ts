import type { Duplex } from 'node:stream';
import stompit from 'stompit';
import IncomingFrameStream from 'stompit/lib/IncomingFrameStream.js';

/**
 * stompit 1.0.0 as this connector uses it: it shakes hands, cuts the incoming bytes into frames and keeps the heart beat.
 * Sending, receipts and subscriptions are ours, and what is wrong in the rest is put right here, each with its reason.
 */
export interface StompClient {
  connect(headers: Readonly<Record<string, string>>): void;
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

/** Bytes of one body; a larger one ends the connection. Both brokers' own limit is lower or equal as they come. */
const LARGEST_BODY = 100 * 1024 * 1024;

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

/** Takes over every frame after CONNECTED; `limit`: milliseconds that a body may pause. */
export function handleFrames(
  client: StompClient,
  limit: number,
  handlers: Readonly<Record<'MESSAGE' | 'RECEIPT' | 'ERROR', (frame: IncomingFrame) => void>>,
): void {
  client.setCommandHandlers({
    MESSAGE: whole(client, limit, handlers.MESSAGE),
    RECEIPT: whole(client, limit, handlers.RECEIPT),
    ERROR: headersOnly(handlers.ERROR),
  });
}

/**
 * An unread body blocks everything behind it, receipts too: each body is read at once. One that never ends would swallow all
 * that follows while heart beats keep the connection up: a property named content-length is enough for that on Classic.
 */
function whole(client: StompClient, limit: number, handle: (frame: IncomingFrame) => void): FrameHandler {
  return (stream) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const deadline = setTimeout(() => client.destroy(new Error('a message did not end')), limit);
    stream.on('data', (chunk) => {
      deadline.refresh();
      size += chunk.length;
      if (size > LARGEST_BODY) client.destroy(new Error(`a message is larger than ${LARGEST_BODY} bytes`));
      else chunks.push(chunk);
    });
    stream.on('end', () => {
      clearTimeout(deadline);
      handle({ headers: stream.headers, body: Buffer.concat(chunks) });
    });
  };
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

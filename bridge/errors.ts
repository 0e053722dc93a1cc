/** Every way the bridge can fail, as users see it in logs, health and dead letters. */
export type ErrorCode =
  /** The mapping file is not valid; `details` has one diagnostic a line. */
  | 'configuration-invalid'
  /** TCP, DNS or the protocol's handshake did not succeed in time. */
  | 'connection-failed'
  /** One end of a TLS connection does not take the other's certificate, or does not speak TLS. */
  | 'tls-refused'
  /** The broker does not take the account and password. */
  | 'authentication-failed'
  /** The broker has a connection with this client id already: another bridge with the same rules, or our last one that it misses. */
  | 'client-id-in-use'
  /** The broker is of another type than the mapping file says, or lacks an option the bridge needs. */
  | 'wrong-broker'
  /** An open connection ended; what was in flight has an unknown outcome. */
  | 'connection-lost'
  /** The broker refused a subscription (permission, bad selector, unknown destination). */
  | 'subscription-refused'
  /** No confirm came in time; the outcome is unknown. */
  | 'send-timeout'
  /** The broker handed the message back (AMQP released or modified, MQTT 5 an error that may pass). */
  | 'send-released'
  /** The destination has no room left for now. */
  | 'destination-full'
  /** One message of a batch was refused and the protocol does not say which. */
  | 'batch-refused'
  /** The broker refuses this destination for this message: permission or name. */
  | 'destination-refused'
  /** The broker refuses this message itself. */
  | 'message-refused'
  /** The body cannot be carried as ruled (ObjectMessage, NUL in STOMP text, …). */
  | 'unsupported-body'
  /** A template of the rule has no value for this message. */
  | 'mapping-failed'
  /** A limit of the rule: body size, or one destination name too many. */
  | 'limit-exceeded'
  /** It has passed as many bridges as the rule allows: rules that feed each other in a circle. */
  | 'loop-detected'
  /** Its sender's time to live was over before it could be sent. */
  | 'expired'
  /** An answer to a request that is not open (any more). */
  | 'no-request'
  /** Something the command needs is not there (Java, Maven, a free port, a file). */
  | 'missing-prerequisite';

const TRANSIENT: ReadonlySet<ErrorCode> = new Set([
  'connection-failed',
  'tls-refused',
  'authentication-failed',
  'client-id-in-use',
  'wrong-broker',
  'connection-lost',
  'subscription-refused',
  'send-timeout',
  'send-released',
  'destination-full',
  'batch-refused',
] satisfies ErrorCode[]);

/**
 * The one error class of the bridge. Connectors translate library errors into it at their edge.
 * The message is for people: it says where, what and what would be right, and never holds a secret.
 */
export class BridgeError extends Error {
  override readonly name = 'BridgeError';
  readonly code: ErrorCode;
  /** True when the same thing may work later without anybody changing the message or the rule. */
  readonly transient: boolean;
  readonly details: readonly string[];
  /** How often a message was sent before it was refused for good; 0 for what was never sent. */
  readonly attempts: number;
  /** True for a broker's own answer to a message; it may be another one later, when somebody has changed something there. */
  readonly fromBroker: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: readonly string[]; attempts?: number; fromBroker?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.transient = TRANSIENT.has(code);
    this.details = options.details ?? [];
    this.attempts = options.attempts ?? 0;
    this.fromBroker = options.fromBroker ?? false;
  }
}

/** The error as a BridgeError: itself if it is one, otherwise wrapped under `code` with its text kept. */
export function asBridgeError(error: unknown, code: ErrorCode, prefix?: string): BridgeError {
  if (error instanceof BridgeError) return error;
  const text = error instanceof Error ? error.message || error.name : String(error);
  return new BridgeError(code, prefix === undefined ? text : `${prefix}: ${text}`, { cause: error });
}

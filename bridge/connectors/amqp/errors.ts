import { BridgeError, type ErrorCode } from '../../errors.js';
import type { Endpoint } from '../connector.js';

/** What an AMQP peer says when something ends or is refused (AMQP 1.0, 2.8.14), and what rhea makes of it. */
export interface AmqpReason {
  readonly condition?: string | undefined;
  readonly description?: string | undefined;
}

/** Where an error happened, for people: `broker "chat" (amqp localhost:5672)`. */
export function place(endpoint: Endpoint): string {
  return `broker ${JSON.stringify(endpoint.broker)} (amqp ${endpoint.host}:${endpoint.port})`;
}

/** Condition and description of whatever rhea or a peer handed over, as one line. */
export function reasonText(reason: unknown): string {
  const { condition, description = 'no reason given' } = amqpReason(reason);
  return condition === undefined ? description : `${condition}: ${description}`;
}

/**
 * The two fields that matter of an AMQP error, read with care: the peer made it. Nothing else may get into a `cause`:
 * rhea's errors hold the whole connection with its options.
 */
export function amqpReason(reason: unknown): AmqpReason {
  if (typeof reason !== 'object' || reason === null) return {};
  const { condition, description, message } = reason as Record<string, unknown>;
  return { condition: text(condition), description: text(description) ?? text(message) };
}

/**
 * What rhea could not read, for people. Its errors about the peer's own words have a condition; others are about bytes, or are a
 * mistake in its code that such bytes have led to.
 */
export function garbled(reason: unknown): unknown {
  if (
    !(reason instanceof Error) ||
    reason instanceof BridgeError ||
    amqpReason(reason).condition !== undefined
  )
    return reason;
  return { description: `what it sent cannot be read as AMQP 1.0 (${reason.message})` };
}

/** Whether the peer, or rhea, said why. */
export function hasReason(reason: unknown): boolean {
  const { condition, description } = amqpReason(reason);
  return condition !== undefined || description !== undefined;
}

/** What there is to say of a peer that said nothing. */
export const HUNG_UP = 'it closed the connection before it answered';

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

const UNAUTHORIZED = 'amqp:unauthorized-access';

/**
 * How Classic words it. Artemis lets both in, and then refuses the second one's durable subscription: AMQ229200, a queue with as many
 * consumers as it may have (2.40.0).
 */
const ID_IN_USE = /\balready connected\b|\bAMQ229200\b/;

export function isIdInUse(reason: unknown): boolean {
  const { description } = amqpReason(reason);
  return description !== undefined && ID_IN_USE.test(description);
}

export function idInUse(endpoint: Endpoint, reason: unknown): BridgeError {
  return new BridgeError(
    'client-id-in-use',
    `${place(endpoint)}: does another bridge use the client id ${JSON.stringify(endpoint.clientId)}? ${reasonText(reason)}`,
  );
}

/** Why a connection could not be opened: by its code the account, the client id, or anything else. */
export function openError(endpoint: Endpoint, reason: unknown): BridgeError {
  if (isIdInUse(reason)) return idInUse(endpoint, reason);
  const isRefused = amqpReason(reason).condition === UNAUTHORIZED;
  const code: ErrorCode = isRefused ? 'authentication-failed' : 'connection-failed';
  return new BridgeError(code, `${place(endpoint)}: ${reasonText(reason)}`);
}

/** A condition that says no to the destination or the account; the message itself may be fine. */
const DESTINATION_CONDITIONS: ReadonlySet<string> = new Set([
  UNAUTHORIZED,
  'amqp:not-allowed',
  'amqp:not-found',
  'amqp:invalid-field',
]);

/** Artemis says amqp:internal-error for a missing permission on a link and names it only in the text. */
const PERMISSION_TEXT = /AMQ229032|not authorized/i;

/** What a `rejected` outcome with this error means for the message that was sent. */
export function rejectionCode(reason: unknown): ErrorCode {
  const { condition, description } = amqpReason(reason);
  if (condition === 'amqp:resource-limit-exceeded') return 'destination-full';
  if (condition !== undefined && DESTINATION_CONDITIONS.has(condition)) return 'destination-refused';
  return description !== undefined && PERMISSION_TEXT.test(description)
    ? 'destination-refused'
    : 'message-refused';
}

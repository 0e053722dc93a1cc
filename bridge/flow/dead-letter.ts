import type { BridgeError } from '../errors.js';
import type { Address } from '../message/address.js';
import type { Message, OutboundMessage, PropertyValue } from '../message/message.js';

/**
 * The message that says what could not be delivered and why: the original body, byte for byte, and its properties, with
 * `bridge_route`, `bridge_source`, `bridge_reason`, `bridge_error` and `bridge_time` (ISO 8601) added.
 */
export function deadLetterOf(
  message: Message,
  reason: { readonly route: string; readonly error: BridgeError; readonly now: number; readonly id: string },
  to: Address,
): OutboundMessage {
  const { body } = message;
  const properties = new Map<string, PropertyValue>(message.properties);
  properties.set('bridge_route', reason.route);
  properties.set('bridge_source', `${message.address.kind} ${message.address.name}`);
  properties.set('bridge_reason', reason.error.code);
  properties.set('bridge_error', reason.error.message);
  properties.set('bridge_time', new Date(reason.now).toISOString());
  return {
    to,
    // As bytes: whatever made the original impossible to carry, bytes are always possible.
    body: typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.isBuffer(body) ? body : body.bytes,
    properties,
    persistent: true,
    timestamp: message.timestamp ?? reason.now,
    id: reason.id,
    qos: 1,
    retain: false,
  };
}

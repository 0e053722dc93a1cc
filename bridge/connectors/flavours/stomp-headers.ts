/**
 * Header names in this list are the protocol's or a broker's own: a message's property of that name is never sent nor read.
 * `id`, `message` and `selector` are not here: SEND and MESSAGE have no such header, and both brokers carry them as properties.
 */
const RESERVED: ReadonlySet<string> = new Set([
  'ack',
  'amq-msg-type',
  'content-length',
  'content-type',
  'correlation-id',
  'destination',
  'destination-type',
  'expires',
  'message-id',
  'persistent',
  'priority',
  'receipt',
  'receipt-id',
  'redelivered',
  'reply-to',
  'subscription',
  'subscription-type',
  'timestamp',
  'transaction',
  'type',
]);

/** Can STOMP carry no property of this name, because SEND or MESSAGE frames have a header of their own like that? */
export function isReservedHeader(name: string): boolean {
  return RESERVED.has(name.toLowerCase());
}

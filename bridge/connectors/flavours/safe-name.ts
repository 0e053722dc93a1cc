import { BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';

/**
 * Bytes of the longest name of a JMS destination. Client libraries of STOMP take header lines of 1,024 bytes as they come,
 * Classic takes 10,241, and past 65,535 Artemis tells an MQTT subscriber the rest of the name as the body (2.40.0).
 */
export const LONGEST_JMS_NAME = 1_000;

/** A line break in `to` ends the link with amqp:internal-error on both brokers, an empty name Classic's connection. */
const CONTROL = /\p{Cc}/u;

/**
 * The name of a JMS address, when the broker will take it as exactly that one name.
 * @throws BridgeError `destination-refused` when it is empty, too long, holds a control character or something `unsafe`.
 */
export function safeName(address: Address, unsafe: RegExp): string {
  if (address.kind === 'mqtt')
    throw new BridgeError('destination-refused', `${describeAddress(address)} is not a JMS destination`);
  if (address.name === '')
    throw new BridgeError('destination-refused', `a ${address.kind} needs a name; this one is empty`);
  checkLength(address, LONGEST_JMS_NAME);
  const bad = CONTROL.exec(address.name) ?? unsafe.exec(address.name);
  if (bad !== null)
    throw new BridgeError(
      'destination-refused',
      `${describeAddress(address)}: ${JSON.stringify(bad[0])} cannot stand in a name there, the broker would not take it as one name`,
    );
  return address.name;
}

/** @throws BridgeError `destination-refused` when the name has more than this many bytes. */
export function checkLength(address: Address, longest: number): void {
  const bytes = Buffer.byteLength(address.name);
  if (bytes > longest)
    throw new BridgeError(
      'destination-refused',
      `${describeAddress(address)} is a name of ${bytes} bytes; the longest is ${longest}`,
    );
}

import { BridgeError } from '../../errors.js';
import { type Address, describeAddress } from '../../message/address.js';

/** A line break in `to` ends the link with amqp:internal-error on both brokers, an empty name Classic's connection. */
const CONTROL = /\p{Cc}/u;

/**
 * The name of a JMS address, when the broker will take it as exactly that one name.
 * @throws BridgeError `destination-refused` when it is empty, holds a control character or something `unsafe`.
 */
export function safeName(address: Address, unsafe: RegExp): string {
  if (address.kind === 'mqtt')
    throw new BridgeError('destination-refused', `${describeAddress(address)} is not a JMS destination`);
  if (address.name === '')
    throw new BridgeError('destination-refused', `a ${address.kind} needs a name; this one is empty`);
  const bad = CONTROL.exec(address.name) ?? unsafe.exec(address.name);
  if (bad !== null)
    throw new BridgeError(
      'destination-refused',
      `${describeAddress(address)}: ${JSON.stringify(bad[0])} cannot stand in a name there, the broker would not take it as one name`,
    );
  return address.name;
}

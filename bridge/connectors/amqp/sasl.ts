import { BridgeError } from '../../errors.js';
import type { Endpoint } from '../connector.js';
import { place } from './errors.js';

interface Mechanism {
  start(done: (error: undefined, response: Buffer) => void): void;
}

/** What rhea takes as `sasl_mechanisms`: the broker's first offer that is named here is used. */
export type Mechanisms = Readonly<Record<string, () => Mechanism>>;

/**
 * How the account is proved: PLAIN with a user name, EXTERNAL with a client certificate, otherwise ANONYMOUS.
 * rhea's own PLAIN counts characters where RFC 4616 counts octets, and takes an empty password for ANONYMOUS.
 * @throws BridgeError `authentication-failed` for a NUL in the name or password, which PLAIN cannot carry.
 */
export function mechanismsFor(endpoint: Endpoint): Mechanisms {
  // No prototype: the broker chooses the key.
  const mechanisms: Record<string, () => Mechanism> = Object.create(null);
  if (endpoint.username === undefined) {
    if (endpoint.tls?.cert !== undefined) mechanisms.EXTERNAL = () => answering(Buffer.alloc(0));
    mechanisms.ANONYMOUS = () => answering(Buffer.from('anonymous'));
    return mechanisms;
  }
  const { username } = endpoint;
  const password = endpoint.password?.reveal() ?? '';
  if (username.includes('\0') || password.includes('\0'))
    throw new BridgeError(
      'authentication-failed',
      `${place(endpoint)}: user name and password must not hold a NUL character`,
    );
  mechanisms.PLAIN = () => answering(Buffer.from(`\0${username}\0${password}`, 'utf8'));
  return mechanisms;
}

function answering(response: Buffer): Mechanism {
  return { start: (done) => done(undefined, response) };
}

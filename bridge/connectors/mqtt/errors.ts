import { asBridgeError, BridgeError } from '../../errors.js';
import type { Endpoint } from '../connector.js';

/** CONNACK return codes (MQTT 3.1.1 section 3.2.2.3) that a wrong account or password gives. */
const NOT_AUTHORIZED: ReadonlySet<number> = new Set([4, 5]);

/** Where a connection goes, for people. */
export function placeOf({ broker, host, port }: Endpoint): string {
  return `${broker} (MQTT, ${host}:${port})`;
}

/** Why an attempt to connect failed. */
export function connectError(endpoint: Endpoint, cause: unknown): BridgeError {
  const code = codeOf(cause);
  if (typeof code === 'number' && NOT_AUTHORIZED.has(code))
    return new BridgeError(
      'authentication-failed',
      `${placeOf(endpoint)} does not take account ${JSON.stringify(endpoint.username ?? '')} with this password`,
      { cause },
    );
  return asBridgeError(cause, 'connection-failed', `cannot connect to ${placeOf(endpoint)}`);
}

function codeOf(cause: unknown): unknown {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
}

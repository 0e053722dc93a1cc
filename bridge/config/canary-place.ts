import type { Protocol } from '../connectors/connector.js';
import { type Address, LEVEL_SEPARATOR } from '../message/address.js';

/** Where the canary of a broker goes over one protocol: a place of its own, which nobody else reads or writes. */
export function canaryAddress(clientId: string, protocol: Protocol): Address {
  const kind = protocol === 'mqtt' ? 'mqtt' : 'queue';
  const levels = ['bridge', 'canary', clientId, ...(protocol === 'mqtt' ? [] : [protocol])];
  return { kind, name: levels.join(LEVEL_SEPARATOR[kind]) };
}

/** No name of a route has a colon, so no session has this client id. */
export function canaryClientId(clientId: string, protocol: Protocol, end: 'source' | 'sink'): string {
  return `${clientId}:canary:${protocol}:${end}`;
}

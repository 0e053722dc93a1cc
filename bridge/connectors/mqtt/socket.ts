import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Endpoint } from '../connector.js';

/**
 * The socket for one connection, already connecting. mqtt.js would make its own, but never sets TCP_NODELAY, and takes a
 * proxy from the environment without a word.
 */
export function openSocket({ host, port, tls }: Endpoint): Socket {
  if (tls === undefined) return connect({ host, port, noDelay: true });
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  const socket = connectTls({ ...tls, host, port, ...(servername === undefined ? {} : { servername }) });
  socket.setNoDelay(true);
  return socket;
}

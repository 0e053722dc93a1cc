import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Endpoint } from './connector.js';
import type { FrameMeter } from './frame-meter.js';

/** What a peer sends first that wants TLS and is spoken to without: an alert (RFC 8446, 5.1). No protocol of ours begins so. */
const TLS_ALERT = 0x15;
const TLS_MAJOR = 0x03;

/**
 * The socket for one connection, already connecting. The client libraries would make their own, but not all set TCP_NODELAY, and
 * mqtt.js takes a proxy from the environment without a word. Over TLS the broker's certificate has to be valid, by an authority that
 * is trusted, for the host's name. What `meter` finds wrong ends the socket with an error.
 */
export function openSocket(endpoint: Endpoint, meter: FrameMeter = () => undefined): Socket {
  const socket = open(endpoint);
  socket.setNoDelay(true);
  let isFirst = endpoint.tls === undefined;
  socket.on('data', (chunk) => {
    if (isFirst) {
      isFirst = false;
      if (chunk[0] === TLS_ALERT && chunk[1] === TLS_MAJOR) {
        socket.destroy(new Error(`it answers in TLS: write ${endpoint.protocol}s:// in the mapping file`));
        return;
      }
    }
    const problem = meter(chunk);
    if (problem !== undefined) socket.destroy(new Error(problem));
  });
  return socket;
}

function open({ host, port, tls }: Endpoint): Socket {
  if (tls === undefined) return connect({ host, port });
  // An address is no server name (RFC 6066, 3); the certificate is compared with it all the same.
  const servername = tls.servername ?? (isIP(host) === 0 ? host : '');
  return connectTls({ ...tls, host, port, servername, minVersion: 'TLSv1.2' });
}

/** Emitted when protocol bytes may be written. */
export const openedEvent = ({ tls }: Endpoint): 'connect' | 'secureConnect' =>
  tls === undefined ? 'connect' : 'secureConnect';

import { isIP } from 'node:net';
import type { RequestHandler } from 'express';

/**
 * For what changes the bridge: only programs and pages of this machine may ask. A foreign web page in a browser of this machine can
 * send requests here, too: it is known by what the browser says of it, or by the name that it had to give this machine.
 */
export const localOnly: RequestHandler = (request, response, next) => {
  const site = request.headers['sec-fetch-site'];
  const ownPage = site === undefined || site === 'same-origin' || site === 'none';
  if (isLoopback(request.socket.remoteAddress ?? '') && isLoopback(request.hostname) && ownPage) {
    next();
    return;
  }
  response.status(403).json({
    error: {
      code: 'forbidden',
      message:
        'Only a program on the machine of the bridge may ask for this, as http://127.0.0.1 or http://localhost.',
    },
  });
};

function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/i, '');
  if (isIP(address) === 4) return address.startsWith('127.');
  return address === '::1' || address === 'localhost';
}

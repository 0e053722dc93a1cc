import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Keeps clients that connect and ask nothing, or ask a byte at a time, from taking every connection: of those that have no whole
 * request under way, only the latest `most` stay. Who asks in earnest has sent a request's head long before that many others came.
 */
export function limitSilent(server: Server, most: number): void {
  const silent = new Map<string, Socket>();
  const add = (socket: Socket) => {
    if (socket.destroyed) return;
    silent.set(keyOf(socket), socket);
    const [oldest] = silent;
    if (silent.size <= most || oldest === undefined) return;
    silent.delete(oldest[0]);
    oldest[1].destroy();
  };
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    add(socket);
    socket.once('close', () => {
      if (silent.get(key) === socket) silent.delete(key);
    });
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const key = keyOf(request.socket);
    const raw = silent.get(key);
    if (raw === undefined) return;
    const isWhole = () => silent.delete(key);
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
    if (length === '0' && encoding === undefined) isWhole();
    else request.once('end', isWhole);
    // A kept-alive connection is silent again once it has its answer.
    response.once('close', () => add(raw));
  });
}

/** Over TLS the socket of a request is not the one that was accepted; both have the same peer. */
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

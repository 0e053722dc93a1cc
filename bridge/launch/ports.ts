import { createServer } from 'node:net';

/** `denied`: the system does not let this user listen there (ports under 1024). */
export type PortState = 'free' | 'taken' | 'denied';

/** Finds out by listening for a moment: that also sees a listener on all interfaces, and disturbs nobody. */
export function portState(host: string, port: number): Promise<PortState> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('taken');
      else if (error.code === 'EACCES') resolve('denied');
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve('free')));
  });
}

import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { portState } from '../../../bridge/launch/ports.js';

it.each(['127.0.0.1', '0.0.0.0'])('sees a listener on %s, and the port free again after it', async (host) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  expect(await portState('127.0.0.1', port)).toBe('taken');
  await new Promise((resolve) => server.close(resolve));
  expect(await portState('127.0.0.1', port)).toBe('free');
});

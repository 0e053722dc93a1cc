import { describe, expect, it } from 'vitest';
import { BridgeError } from '../../../bridge/errors.js';
import { type ServerCommand, startServer } from '../../../bridge/launch/server-process.js';

const server = (script: string, more: Partial<ServerCommand> = {}): ServerCommand => ({
  name: 'The server',
  command: process.execPath,
  args: ['-e', script],
  cwd: process.cwd(),
  ready: /^ready$/,
  startTimeout: 30_000,
  ...more,
});

const FOREVER = 'setInterval(() => {}, 1000);';
const READY = `console.log("ready"); ${FOREVER}`;

const failureOf = async (start: Promise<unknown>): Promise<BridgeError> => {
  const error = await start.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof BridgeError) return error;
  throw new Error('it did not fail with a BridgeError', { cause: error });
};

describe('startServer', () => {
  it('resolves when the server says that it is ready, and stop ends it with SIGTERM', async () => {
    const running = await startServer(server(READY));
    await running.stop(30_000);
    expect(await running.exited).toBe('The server was ended by SIGTERM');
  });

  it('ends by force a server that does not listen to SIGTERM', async () => {
    const running = await startServer(server(`process.on("SIGTERM", () => {}); ${READY}`));
    await running.stop(100);
    expect(await running.exited).toBe('The server was ended by SIGKILL');
  });

  it('stops a paused server', async () => {
    const running = await startServer(server(READY));
    running.signal('SIGSTOP');
    await running.stop(30_000);
    expect(await running.exited).toBe('The server was ended by SIGTERM');
  });

  it('says how a server that is not asked to end has ended', async () => {
    const running = await startServer(server('console.log("ready"); setTimeout(() => process.exit(7), 10)'));
    expect(await running.exited).toBe('The server ended with exit code 7');
    await running.stop(1000);
  });

  it('fails with the last lines of a server that ends before it is ready', async () => {
    const error = await failureOf(startServer(server('console.error("no disk"); process.exit(3)')));
    expect(error.code).toBe('missing-prerequisite');
    expect(error.message).toBe('The server did not start: The server ended with exit code 3');
    expect(error.details).toEqual(['no disk']);
  });

  it('keeps the causes of a Java stack trace and drops the rest', async () => {
    const trace = ['Exception: outer', '\\tat a.B(C.java:1)', 'Caused by: port taken', '\\tat d.E(F.java:2)'];
    const script = `console.error("${trace.join('\\n')}"); process.exit(1)`;
    expect((await failureOf(startServer(server(script)))).details).toEqual(['Caused by: port taken']);
  });

  it('fails when the server does not get ready in time', async () => {
    const error = await failureOf(startServer(server(FOREVER, { startTimeout: 50 })));
    expect(error.message).toBe('The server did not start within 0.05 s');
  });

  it('fails when there is no such program', async () => {
    const error = await failureOf(startServer(server('', { command: '/nowhere/java' })));
    expect(error.message).toMatch(/^cannot start The server: \/nowhere\/java: .*ENOENT/);
  });

  it('ends the server when it is aborted', async () => {
    const stop = new AbortController();
    const starting = startServer(server(FOREVER, { signal: stop.signal }));
    stop.abort();
    await expect(starting).rejects.toThrow(/aborted/);
  });
});

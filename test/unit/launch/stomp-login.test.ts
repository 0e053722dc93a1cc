import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { classicVersion, readStompAnswer, tryStompLogin } from '../../../bridge/launch/stomp-login.js';

describe('readStompAnswer', () => {
  it('reads the server header of CONNECTED', () => {
    const frame = '\nCONNECTED\nserver:ActiveMQ/6.1.8\nversion:1.2\n\n';
    expect(readStompAnswer(frame)).toEqual({ kind: 'connected', server: 'ActiveMQ/6.1.8' });
  });

  it('reads the reason of ERROR from its header, else from its body', () => {
    expect(readStompAnswer('ERROR\r\nmessage:no\r\n\r\nlong story')).toEqual({
      kind: 'refused',
      reason: 'no',
    });
    expect(readStompAnswer('ERROR\n\nlong story')).toEqual({ kind: 'refused', reason: 'long story' });
    expect(readStompAnswer('ERROR\n\n')).toEqual({ kind: 'refused', reason: 'no reason given' });
  });

  it('keeps terminal escapes and endless text out of what it passes on', () => {
    const answer = readStompAnswer(`CONNECTED\nserver:\u001b[31m${'x'.repeat(500)}\n\n`);
    expect(answer.kind === 'connected' && answer.server).toMatch(/^\[31mx{196}$/);
  });

  it('takes anything else for no STOMP', () => {
    expect(readStompAnswer('HTTP/1.1 400 Bad Request\r\n\r\n').kind).toBe('silent');
  });
});

describe('classicVersion', () => {
  it('tells ActiveMQ Classic from Artemis', () => {
    expect(classicVersion('ActiveMQ/6.1.8')).toBe('6.1.8');
    expect(classicVersion('ActiveMQ-Artemis/2.40.0 ActiveMQ Artemis Messaging Engine')).toBeUndefined();
    expect(classicVersion('')).toBeUndefined();
  });
});

describe('tryStompLogin', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  const serve = (onSocket: (socket: Socket) => void) =>
    new Promise<number>((resolve) => {
      const server = createServer(onSocket);
      servers.push(server);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  const login = (port: number) => ({ host: '127.0.0.1', port, username: 'u', password: 'p:w', timeout: 300 });

  it('sends the login, gathers an answer that comes in pieces, and hangs up', async () => {
    let hungUp: (sent: string) => void = () => {};
    const sent = new Promise<string>((resolve) => {
      hungUp = resolve;
    });
    const port = await serve((socket) => {
      let got = '';
      socket.on('data', (chunk) => {
        got += String(chunk);
        if (!got.includes('DISCONNECT')) {
          socket.write('CONNECTED\nserver:Acti');
          setImmediate(() => socket.write('veMQ/1\n\n\0'));
        }
      });
      socket.on('end', () => {
        socket.end();
        hungUp(got);
      });
    });
    expect(await tryStompLogin(login(port))).toEqual({ kind: 'connected', server: 'ActiveMQ/1' });
    expect(await sent).toMatch(/^CONNECT\n(.*\n)*login:u\npasscode:p:w\n\n\0DISCONNECT\n\n\0$/);
  });

  it('gives up on a listener that says nothing', async () => {
    const port = await serve(() => {});
    expect(await tryStompLogin(login(port))).toEqual({ kind: 'silent', reason: 'it does not answer' });
  });

  it('gives up on a listener that talks without end', async () => {
    const port = await serve((socket) => {
      socket.on('error', () => {});
      socket.write('x'.repeat(100_000));
    });
    expect(await tryStompLogin(login(port))).toEqual({ kind: 'silent', reason: 'it does not speak STOMP' });
  });

  it('tells when it was hung up on, and when nobody listens', async () => {
    const port = await serve((socket) => socket.end());
    expect(await tryStompLogin(login(port))).toEqual({ kind: 'silent', reason: 'it hung up' });
    servers.splice(0)[0]?.close();
    expect((await tryStompLogin(login(port))).kind).toBe('silent');
  });
});

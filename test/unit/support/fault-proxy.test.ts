import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.js';

/** One end of a connection, with all that came. */
class End {
  text = '';
  ended = false;
  error: string | undefined;

  constructor(readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (text) => {
      this.text += text;
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code;
    });
  }
}

describe('a fault proxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  const brokerEnds: End[] = [];

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => brokerEnds.push(new End(socket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await startFaultProxy((server.address() as AddressInfo).port);
  });
  afterEach(async () => {
    await proxy.close();
    for (const { socket } of brokerEnds.splice(0)) socket.destroy();
    server.close();
  });

  async function dial(): Promise<{ bridge: End; broker: End }> {
    const before = brokerEnds.length;
    const bridge = new End(connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true }));
    const broker = await eventually(() => brokerEnds[before]);
    return { bridge, broker };
  }

  it('passes bytes and ends both ways', async () => {
    const { bridge, broker } = await dial();
    bridge.socket.write('ping');
    await eventually(() => broker.text === 'ping');
    broker.socket.end('pong');
    await eventually(() => bridge.text === 'pong' && bridge.ended);
    bridge.socket.end('bye');
    await eventually(() => broker.text === 'pingbye' && broker.ended);
    await eventually(() => proxy.open === 0);
  });

  it('cuts with a reset on both sides and takes new connections', async () => {
    const { bridge, broker } = await dial();
    proxy.cut();
    await eventually(() => bridge.error === 'ECONNRESET' && broker.error === 'ECONNRESET');
    const again = await dial();
    again.bridge.socket.write('x');
    await eventually(() => again.broker.text === 'x');
    expect(proxy.taken).toBe(2);
  });

  it('cuts behind the byte that it was told', async () => {
    const { bridge, broker } = await dial();
    const cut = proxy.cutAfter('toBroker', 7);
    bridge.socket.write('abc');
    bridge.socket.write('defghij');
    await cut;
    // A reset that comes while there is something to read is shown as an end.
    await eventually(() => broker.error === 'ECONNRESET' || broker.ended);
    expect(broker.text).toBe('abcdefg');
    expect(proxy.open).toBe(0);
  });

  it('hangs in one direction while the other goes on, and lets what it held go', async () => {
    const { bridge, broker } = await dial();
    proxy.hang('toBroker');
    bridge.socket.write('held');
    broker.socket.write('seen');
    await eventually(() => bridge.text === 'seen');
    expect(broker.text).toBe('');
    proxy.heal();
    await eventually(() => broker.text === 'held');
  });

  it('forgets what it held when it is cut', async () => {
    const { bridge, broker } = await dial();
    proxy.hang('toBroker');
    bridge.socket.write('held');
    broker.socket.write('seen');
    await eventually(() => bridge.text === 'seen');
    proxy.cut();
    proxy.heal();
    await eventually(() => broker.error === 'ECONNRESET');
    expect(broker.text).toBe('');
  });

  it('holds back an end while it hangs', async () => {
    const { bridge, broker } = await dial();
    proxy.hang();
    broker.socket.end('last');
    bridge.socket.write('x');
    await eventually(() => broker.socket.writableFinished);
    expect({ text: bridge.text, ended: bridge.ended }).toEqual({ text: '', ended: false });
    proxy.heal();
    await eventually(() => bridge.text === 'last' && bridge.ended);
  });

  it('closes one half', async () => {
    const { bridge, broker } = await dial();
    proxy.halfClose('toBroker');
    await eventually(() => broker.ended);
    broker.socket.write('still here');
    await eventually(() => bridge.text === 'still here');
    expect(bridge.ended).toBe(false);
  });

  it('delays each byte, in order', async () => {
    const { bridge, broker } = await dial();
    proxy.latency(60);
    const start = performance.now();
    bridge.socket.write('a');
    bridge.socket.write('b');
    await eventually(() => broker.text === 'ab');
    expect(performance.now() - start).toBeGreaterThanOrEqual(59);
  });

  it('throttles, and carries everything all the same', async () => {
    const { bridge, broker } = await dial();
    proxy.throttle(20_000);
    const start = performance.now();
    bridge.socket.write('x'.repeat(6_000));
    await eventually(() => broker.text.length === 6_000);
    expect(performance.now() - start).toBeGreaterThan(200);
  });

  it('refuses new connections and leaves open ones alone', async () => {
    const { bridge, broker } = await dial();
    proxy.refuse();
    const refused = new End(connect({ host: '127.0.0.1', port: proxy.port }));
    await eventually(() => refused.error === 'ECONNRESET');
    bridge.socket.write('on');
    await eventually(() => broker.text === 'on');
    proxy.heal();
    await dial();
  });

  it('holds no more than a buffer of what a slow reader does not take', async () => {
    const { bridge } = await dial();
    proxy.hang('toBroker');
    const chunk = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 30; i++) bridge.socket.write(chunk);
    await eventually(() => bridge.socket.writableLength > 10 * chunk.length);
    proxy.heal();
    await eventually(() => bridge.socket.writableLength === 0);
  });
});

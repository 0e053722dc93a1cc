import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import rhea, { type EventContext } from 'rhea';
import { afterEach, describe, expect, it } from 'vitest';
import type { Connection, Endpoint, Protocol } from '../../bridge/connectors/connector.js';
import { Supervisor } from '../../bridge/connectors/supervisor.js';
import { CONNECT } from '../../bridge/endpoints.js';
import { BridgeError } from '../../bridge/errors.js';
import { silentLog } from '../../bridge/observability/log.js';
import { parsePattern } from '../../bridge/routing/pattern.js';
import { close } from '../support/up.js';

/** What a broker that means no good may send: none of it may end the process, fill its memory, or leave an error unhandled. */

const MIB = 1024 * 1024;
const never = new AbortController().signal;
const PROTOCOLS = ['mqtt', 'amqp', 'stomp'] as const;

/** Writes for as long as the other end takes it. */
function endlessly(socket: Socket, chunk: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const ascii = (text: string) => Buffer.from(text, 'latin1');
const frame = (body: Buffer, type = 0) =>
  Buffer.concat([uint32(body.length + 8), Buffer.from([2, type, 0, 0]), body]);

const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const CONNECTED = ascii('CONNECTED\nversion:1.2\nserver:ActiveMQ/6.1.8\nheart-beat:0,0\n\n\0');
const SASL = ascii('AMQP\x03\x01\x00\x00');
const AMQP = ascii('AMQP\x00\x01\x00\x00');
/** Mechanisms: ANONYMOUS; then an outcome of 0 (AMQP 1.0, 5.3.3). */
const MECHANISMS = frame(
  Buffer.concat([Buffer.from([0, 0x53, 0x40, 0xc0, 12, 1, 0xa3, 9]), ascii('ANONYMOUS')]),
  1,
);
const OUTCOME = frame(Buffer.from([0, 0x53, 0x44, 0xc0, 3, 1, 0x50, 0]), 1);
/** Each answer waits for what it answers, as AMQP wants it; then `last`. The client's first bytes have come. */
function afterLogin(socket: Socket, last: Buffer): void {
  const answers = [OUTCOME, Buffer.concat([AMQP, last])];
  socket.write(Buffer.concat([SASL, MECHANISMS]));
  socket.on('data', () => {
    const answer = answers.shift();
    if (answer !== undefined) socket.write(answer);
  });
}
/** A performative of a list with one element, which is what is given. */
const performative = (code: number, element: Buffer) =>
  frame(Buffer.concat([Buffer.from([0, 0x53, code, 0xd0]), uint32(element.length + 4), uint32(1), element]));

/** Lists that claim to have as many elements as they have bytes, one in the other. */
const nestedLists = (depth: number) => {
  let inner = Buffer.alloc(64 * 1024, 0x40);
  for (let level = 0; level < depth; level++)
    inner = Buffer.concat([Buffer.from([0xd0]), uint32(inner.length + 4), uint32(inner.length), inner]);
  return inner;
};

const ATTACKS: readonly (readonly [
  protocol: Protocol,
  what: string,
  (socket: Socket) => void,
  says: RegExp,
])[] = [
  [
    'mqtt',
    'the beginning of a packet of 256 MB',
    (s) => void s.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])),
    /no MQTT connection within/,
  ],
  [
    'mqtt',
    'a length that does not end',
    (s) => void s.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff])),
    /more than four bytes|Invalid variable byte integer/,
  ],
  [
    'mqtt',
    'something else than CONNACK',
    (s) => void s.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    /mqtt 127\.0\.0\.1/,
  ],
  ['mqtt', 'nothing but zeroes', (s) => endlessly(s, Buffer.alloc(64 * 1024)), /mqtt 127\.0\.0\.1/],
  [
    'mqtt',
    'the beginning of a packet of 256 MB after CONNACK',
    (s) => void s.write(Buffer.concat([CONNACK, Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])])),
    /Keepalive timeout/,
  ],
  [
    'amqp',
    'a frame of 2 GiB',
    (s) => void s.write(Buffer.concat([SASL, uint32(2 ** 31)])),
    /2147483648 bytes is larger/,
  ],
  [
    'amqp',
    'a frame of no bytes',
    (s) => void s.write(Buffer.concat([SASL, uint32(0), Buffer.alloc(64)])),
    /0 bytes, less than its own header|cannot be read as AMQP 1\.0/,
  ],
  ['amqp', 'another protocol', (s) => void s.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /amqp 127\.0\.0\.1/],
  ['amqp', 'nothing but zeroes', (s) => endlessly(s, Buffer.alloc(64 * 1024)), /amqp 127\.0\.0\.1/],
  [
    'amqp',
    'an array of four billion nulls',
    (s) =>
      afterLogin(
        s,
        performative(
          0x10,
          Buffer.concat([Buffer.from([0xf0]), uint32(5), uint32(0xffff_fff0), Buffer.from([0x40])]),
        ),
      ),
    /4294967280 elements/,
  ],
  [
    'amqp',
    'a list of four billion elements',
    (s) =>
      afterLogin(s, performative(0x10, Buffer.concat([Buffer.from([0xd0]), uint32(4), uint32(0xffff_fff0)]))),
    /4294967280 elements/,
  ],
  [
    'amqp',
    'lists in lists',
    (s) => afterLogin(s, performative(0x10, nestedLists(2_000))),
    /cannot be read as AMQP 1\.0/,
  ],
  [
    'amqp',
    'descriptors of descriptors',
    (s) => afterLogin(s, frame(Buffer.alloc(900_000))),
    /cannot be read as AMQP 1\.0/,
  ],
  [
    'stomp',
    'a line that does not end',
    (s) => endlessly(s, Buffer.alloc(64 * 1024, 0x61)),
    /line length exceeded/,
  ],
  [
    'stomp',
    'headers that do not end',
    (s) => {
      s.write('CONNECTED\n');
      endlessly(s, ascii(`${'a'.repeat(60_000)}:b\n`));
    },
    /bytes or 10000 lines of headers|STOMP/,
  ],
  [
    'stomp',
    'one header again and again',
    (s) => {
      s.write('CONNECTED\n');
      endlessly(s, ascii('a:b\n'.repeat(10_000)));
    },
    /10000 lines of headers/,
  ],
  [
    'stomp',
    'another protocol',
    (s) => void s.write('HTTP/1.1 400 Bad Request\r\nHost: a\r\n\r\n\0'),
    /no frame of STOMP 1\.2/,
  ],
  [
    'stomp',
    'a body that does not end',
    (s) => {
      s.write(CONNECTED);
      s.write('MESSAGE\nsubscription:a\n\n');
      endlessly(s, Buffer.alloc(64 * 1024, 0x61));
    },
    /larger than 268435455 bytes/,
  ],
  [
    'stomp',
    'a body that claims 9 GB',
    (s) => {
      s.write(CONNECTED);
      s.write('MESSAGE\ncontent-length:9999999999\n\n');
      endlessly(s, Buffer.alloc(64 * 1024));
    },
    /larger than 268435455 bytes/,
  ],
  [
    'stomp',
    'headers that do not end, after CONNECTED',
    (s) => {
      s.write(CONNECTED);
      s.write('MESSAGE\n');
      endlessly(s, ascii('a:b\n'.repeat(10_000)));
    },
    /10000 lines of headers/,
  ],
];

describe('a broker that sends', () => {
  let server: Server | undefined;
  const sockets = new Set<Socket>();
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    if (server !== undefined) await close(server);
  });

  async function listen(attack: (socket: Socket) => void): Promise<number> {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).once('data', () => attack(socket));
      socket.resume();
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  const endpoint = (protocol: Protocol, port: number): Endpoint => ({
    broker: 'mq',
    brokerType: protocol === 'mqtt' ? 'mqtt' : 'activemq',
    protocol,
    host: '127.0.0.1',
    port,
    clientId: 'hostile',
    cleanSession: true,
    connectTimeout: 5_000,
    idleTimeout: 5_000,
  });

  /** How one connection ends, whether it came up or not. */
  async function endOf(protocol: Protocol, port: number): Promise<BridgeError> {
    let connection: Connection;
    try {
      connection = await CONNECT[protocol](endpoint(protocol, port), never);
    } catch (error) {
      if (error instanceof BridgeError) return error;
      throw error;
    }
    return connection.lost;
  }

  it.each(ATTACKS)(
    'over %s %s is left with a reason, and memory stays bounded',
    async (protocol, _what, attack, says) => {
      const before = process.memoryUsage().rss;
      const reason = await endOf(protocol, await listen(attack));
      expect(reason.message).toMatch(says);
      expect(reason.transient).toBe(true);
      expect(process.memoryUsage().rss - before).toBeLessThan(900 * MIB);
    },
  );

  it('a message in pieces without end over AMQP is left', async () => {
    const reason = await endlessTransfer((port) => CONNECT.amqp(endpoint('amqp', port), never));
    expect(reason.message).toMatch(/message of more than 268435455 bytes/);
  });

  it.each(PROTOCOLS)('whatever bytes over %s never ends in anything but a BridgeError', async (protocol) => {
    const beginnings: Readonly<Record<Protocol, readonly Buffer[]>> = {
      mqtt: [Buffer.alloc(0), CONNACK],
      amqp: [
        Buffer.alloc(0),
        SASL,
        Buffer.concat([SASL, MECHANISMS]),
        Buffer.concat([SASL, MECHANISMS, OUTCOME, AMQP]),
      ],
      stomp: [Buffer.alloc(0), CONNECTED, Buffer.concat([CONNECTED, ascii('MESSAGE\n')])],
    };
    const likely = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => frame(Buffer.from(bytes))),
      fc
        .uint8Array({ minLength: 1, maxLength: 100 })
        .map((bytes) => Buffer.from([(bytes[0] ?? 0) & 0xff, bytes.length, ...bytes])),
      fc.string({ maxLength: 200 }).map((text) => Buffer.from(`MESSAGE\n${text}\n\n${text}\0`)),
      fc.constantFrom(
        ...(['puback', 'pubrec', 'pubrel', 'pubcomp', 'unsuback'] as const).map((cmd) =>
          mqttPacket.generate({ cmd, messageId: 7 } as never),
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...beginnings[protocol]),
        fc.array(likely, { maxLength: 8 }),
        async (start, parts) => {
          const port = await listen((socket) => void socket.end(Buffer.concat([start, ...parts])));
          const reason = await endOf(protocol, port);
          expect(reason).toBeInstanceOf(BridgeError);
          expect(reason.message).toContain(`127.0.0.1:${port}`);
          for (const socket of sockets) socket.destroy();
          sockets.clear();
          if (server !== undefined) await close(server);
          server = undefined;
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each(PROTOCOLS)('only rubbish over %s is tried again, with pauses that grow', async (protocol) => {
    let tries = 0;
    let enough: () => void = () => {};
    const five = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const port = await listen((socket) => {
      if (++tries === 5) enough();
      socket.end(Buffer.alloc(1_000, 0xff));
    });
    const supervisor = new Supervisor({
      name: 'hostile',
      endpoint: endpoint(protocol, port),
      connect: CONNECT[protocol],
      onUp: async (connection) => {
        await connection.sink({ sendTimeout: 1_000, window: 1 });
      },
      onDown: () => {},
      log: silentLog,
    });
    const begun = performance.now();
    supervisor.start();
    await five;
    // Half of the first pause at least, each time.
    expect(performance.now() - begun).toBeGreaterThan(4 * 50);
    await supervisor.stop();
    expect(supervisor.status()).toMatchObject({ state: 'stopped' });
  });
});

/** How a connection ends that reads from a broker which answers as AMQP wants it, and then sends one message without end. */
async function endlessTransfer(open: (port: number) => Promise<Connection>): Promise<BridgeError> {
  const container = rhea.create_container();
  const last: { socket?: Socket } = {};
  container.on('sender_open', ({ connection }: EventContext) => {
    const { socket } = connection as unknown as { readonly socket: Socket };
    last.socket = socket;
    // AMQP 1.0, 2.7.5: handle 0, delivery 0 with a tag, and always `more`.
    const transfer = [0, 0x53, 0x14, 0xc0, 10, 6, 0x52, 0, 0x43, 0xa0, 1, 1, 0x43, 0x42, 0x41];
    const bytes = frame(Buffer.concat([Buffer.from(transfer), Buffer.alloc(64 * 1024)]));
    // Behind rhea's own answer to the link.
    setImmediate(() => endlessly(socket, bytes));
  });
  container.on('disconnected', () => {});
  container.on('error', () => {});
  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    properties: { product: 'ActiveMQ' },
  } as never);
  await new Promise<void>((resolve) => server.once('listening', () => resolve()));
  const address = server.address();
  const connection = await open(typeof address === 'object' && address !== null ? address.port : 0);
  connection
    .source({ kind: 'queue', pattern: parsePattern('queue', 'a'), window: 10 }, () => {})
    .catch(() => {});
  const reason = await connection.lost;
  last.socket?.destroy();
  await close(server);
  return reason;
}

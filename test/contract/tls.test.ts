import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint, Protocol, TlsOptions } from '../../bridge/connectors/connector.js';
import { CONNECT } from '../../bridge/endpoints.js';
import type { BridgeError } from '../../bridge/errors.js';
import { Secret } from '../../bridge/secret.js';
import { startArtemis, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { type Authority, contentOf, createAuthority } from '../support/certificates.js';
import { close } from '../support/up.js';

const PASSWORD = 'of-the-stores';
const never = new AbortController().signal;
/** A broker that hangs up before its alert has arrived leaves its reason open. */
const REFUSED_OR_HUNG_UP = ['tls-refused', 'connection-failed'];

let authority: Authority;
let stranger: Authority;
let ca: Buffer;
let ours: Required<Pick<TlsOptions, 'cert' | 'key'>>;
let strangers: typeof ours;
let server: { readonly cert: string; readonly key: string };
/** The broker's, for Java. */
let stores: { readonly key: string; readonly trust: string };

beforeAll(async () => {
  authority = await createAuthority('the brokers’ authority');
  stranger = await createAuthority('another authority');
  ca = await readFile(authority.ca);
  // Not for 127.0.0.1: that is the wrong name.
  server = await authority.server('broker', 'localhost', 'broker.example');
  stores = { key: await authority.keyStore(server, PASSWORD), trust: await authority.trustStore(PASSWORD) };
  ours = await contentOf(await authority.client('bridge'));
  strangers = await contentOf(await stranger.client('stranger'));
});
afterAll(async () => {
  await authority?.remove();
  await stranger?.remove();
});

/** A Classic with each protocol over TLS alone, which asks every client for a certificate. */
async function startClassicWithTls(): Promise<TestBroker> {
  const settings = `keyStore="file:${stores.key}" keyStoreType="PKCS12" keyStorePassword="${PASSWORD}" trustStore="file:${stores.trust}" trustStoreType="PKCS12" trustStorePassword="${PASSWORD}"`;
  return startClassic({
    edit: (xml) =>
      xml
        .replace(
          '<transportConnectors>',
          `<sslContext><sslContext ${settings}/></sslContext>\n<transportConnectors>`,
        )
        .replace(
          /uri="(mqtt|amqp|stomp):\/\/([^"]*)"/g,
          (_all, protocol, rest) => `uri="${protocol}+ssl://${rest}&amp;transport.needClientAuth=true"`,
        ),
  });
}

/** The same of Artemis: each acceptor with the stores. */
async function startArtemisWithTls(): Promise<TestBroker> {
  const options = {
    keyStorePath: stores.key,
    keyStorePassword: PASSWORD,
    keyStoreType: 'PKCS12',
    trustStorePath: stores.trust,
    trustStorePassword: PASSWORD,
    trustStoreType: 'PKCS12',
    needClientAuth: 'true',
  };
  const settings = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return startArtemis({
    edit: (xml) =>
      xml.replaceAll(/\?protocols=(MQTT|AMQP|STOMP)/g, `?sslEnabled=true;${settings.join(';')};protocols=$1`),
  });
}

const startMosquittoWithTls = (): Promise<TestBroker> =>
  startMosquitto({
    settings: [
      `cafile ${authority.ca}`,
      `certfile ${server.cert}`,
      `keyfile ${server.key}`,
      'require_certificate true',
    ],
  });

describe.each([
  ['ActiveMQ Classic', startClassicWithTls, ['mqtt', 'amqp', 'stomp']],
  ['ActiveMQ Artemis', startArtemisWithTls, ['mqtt', 'amqp', 'stomp']],
  ['Mosquitto', startMosquittoWithTls, ['mqtt']],
] as const)('a connection over TLS to %s, which asks for a client certificate', (_name, start, protocols) => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker?.stop());

  const endpoint = (protocol: Protocol, tls: TlsOptions | undefined, host = 'localhost'): Endpoint => ({
    broker: 'mq',
    brokerType: broker.type,
    protocol,
    host,
    port: broker.ports[protocol] ?? 0,
    ...(tls === undefined ? {} : { tls }),
    username: broker.accounts.bridge.username,
    password: new Secret(broker.accounts.bridge.password),
    clientId: `tls-${protocol}`,
    cleanSession: true,
    connectTimeout: 10_000,
    idleTimeout: 15_000,
  });
  const refusal = async (
    protocol: Protocol,
    ...how: [TlsOptions | undefined, string?]
  ): Promise<BridgeError> => {
    const opened = CONNECT[protocol](endpoint(protocol, ...how), never);
    return opened.then(
      async (connection) => {
        await connection.close();
        throw new Error('it was let in');
      },
      (error: BridgeError) => error,
    );
  };

  describe.each(protocols)('%s', (protocol) => {
    it('is up with the right authority, name and certificate', async () => {
      const connection = await CONNECT[protocol](endpoint(protocol, { ca, ...ours }), never);
      await connection.sink({ sendTimeout: 5_000, window: 10 });
      await connection.close();
    });

    it('is up under another name that the certificate has', async () => {
      const tls = { ca, ...ours, servername: 'broker.example' };
      const connection = await CONNECT[protocol](endpoint(protocol, tls, '127.0.0.1'), never);
      await connection.close();
    });

    it('is refused under a name that the certificate does not have', async () => {
      const { code, message } = await refusal(protocol, { ca, ...ours }, '127.0.0.1');
      expect(code).toBe('tls-refused');
      expect(message).toMatch(
        /its certificate is for DNS:localhost, DNS:broker\.example, and not for 127\.0\.0\.1/,
      );
      expect(message).toMatch(/tls\.serverName/);
    });

    it('is refused without the broker’s authority', async () => {
      const { code, message } = await refusal(protocol, { ...ours });
      expect(code).toBe('tls-refused');
      expect(message).toMatch(/by an authority that the bridge does not trust: .* as tls\.ca/);
    });

    it('is refused with another authority', async () => {
      const tls = { ca: await readFile(stranger.ca), ...ours };
      expect(await refusal(protocol, tls)).toMatchObject({ code: 'tls-refused' });
    });

    it('is refused without a client certificate', async () => {
      const { code, message } = await refusal(protocol, { ca });
      expect(REFUSED_OR_HUNG_UP).toContain(code);
      expect(message).toMatch(/tls\.cert and tls\.key/);
    });

    it('is refused with a client certificate of somebody else', async () => {
      const { code, message } = await refusal(protocol, { ca, ...strangers });
      expect(REFUSED_OR_HUNG_UP).toContain(code);
      expect(message).toMatch(/client certificate \(tls\.cert/);
    });

    it('is not made without TLS, and nothing secret is told of it', async () => {
      const { code, message } = await refusal(protocol, undefined);
      expect(code).toBe('connection-failed');
      expect(message).not.toContain(broker.accounts.bridge.password);
    });
  });
});

describe.each(['mqtt', 'amqp', 'stomp'] as const)('%s over TLS to something that speaks none', (protocol) => {
  let plain: Server;
  beforeAll(async () => {
    plain = createServer((socket) => {
      socket.on('error', () => {}).resume();
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => close(plain));

  it('says so', async () => {
    const address = plain.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const opened = CONNECT[protocol](
      {
        broker: 'mq',
        brokerType: 'activemq',
        protocol,
        host: '127.0.0.1',
        port,
        tls: { ca },
        clientId: 'tls-none',
        cleanSession: true,
        connectTimeout: 10_000,
        idleTimeout: 15_000,
      },
      never,
    );
    await expect(opened).rejects.toMatchObject({
      code: 'tls-refused',
      message: expect.stringContaining('it does not speak TLS on this port'),
    });
  });
});

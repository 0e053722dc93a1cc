import { copyFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BridgeStatus } from '../../bridge/status.js';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startClassic, startMosquitto, type TestBroker } from '../support/brokers.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { oneBroker } from '../support/mapping.js';
import { CommandLine } from '../support/up.js';

describe('a running bridge whose password stands in a file that is replaced', () => {
  let broker: TestBroker;
  let folder = '';
  let bridge: CommandLine;
  let base = '';

  /** As Kubernetes mounts a secret: its files are links into a folder that is replaced as a whole, by another link. */
  const mount = async (version: string, password: string) => {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'password'), `${password}\n`);
    await symlink(version, join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
  };

  beforeAll(async () => {
    broker = await startClassic();
    folder = await mkdtemp(join(tmpdir(), 'bridge-rotation-'));
    await mount('..v1', broker.accounts.bridge.password);
    await symlink(join('..data', 'password'), join(folder, 'password'));
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    const file = join(folder, 'mapping.yaml');
    await writeFile(
      file,
      `${oneBroker('activemq')}
http: { port: ${port} }
routes:
  moving: { from: { queue: rotation.in, via: stomp }, to: { queue: rotation.out } }
`,
    );
    const { ACTIVEMQ_PASSWORD: _password, ...env } = brokerEnvironment(broker);
    bridge = new CommandLine(['--log-format', 'json', 'run', file], {
      ...env,
      ACTIVEMQ_PASSWORD: '',
      ACTIVEMQ_PASSWORD_FILE: join(folder, 'password'),
    });
    await isReady();
  });
  afterAll(async () => {
    await bridge?.interrupt();
    await broker?.stop();
    await rm(folder, { recursive: true });
  });

  const health = async () => (await (await fetch(`${base}/health`)).json()) as BridgeStatus;
  const isReady = () => eventually(async () => (await health()).ready);

  it('connects again with the new one, through a swapped link', async () => {
    await broker.setPassword(broker.accounts.bridge.username, 'the-next-one');
    await mount('..v2', 'the-next-one');
    const outcome = await eventually(async () => (await health()).lastReload);
    expect(outcome).toMatchObject({ ok: true, changes: { changed: ['moving'], unchanged: [] } });
    await isReady();
    expect(bridge.output).not.toContain('the-next-one');
  });

  it('keeps the rules while the file is away, and goes on when it is back', async () => {
    const before = (await health()).lastReload?.at;
    await rm(join(folder, '..data'));
    const refused = await eventually(async () => {
      const { lastReload } = await health();
      return lastReload?.at === before ? undefined : lastReload;
    });
    expect(refused).toMatchObject({
      ok: false,
      problems: [
        expect.stringMatching(/ACTIVEMQ_PASSWORD_FILE names, cannot be read: there is no such file/),
      ],
    });
    expect((await health()).ready).toBe(true);
    await mount('..v3', 'the-next-one');
    await eventually(async () => (await health()).lastReload?.ok);
    await isReady();
  });
});

describe('a running bridge whose client certificate is replaced', () => {
  let authority: Authority;
  let broker: TestBroker;
  let folder = '';
  let bridge: CommandLine;

  beforeAll(async () => {
    authority = await createAuthority('the broker’s authority');
    const { cert, key } = await authority.server('broker', 'localhost');
    broker = await startMosquitto({
      settings: [`cafile ${authority.ca}`, `certfile ${cert}`, `keyfile ${key}`, 'require_certificate true'],
    });
    folder = await mkdtemp(join(tmpdir(), 'bridge-certificate-'));
  });
  afterAll(async () => {
    await bridge?.interrupt();
    await broker?.stop();
    await authority?.remove();
    await rm(folder, { recursive: true });
  });

  const put = async ({ cert, key }: { readonly cert: string; readonly key: string }) => {
    await copyFile(cert, join(folder, 'bridge.pem'));
    await copyFile(key, join(folder, 'bridge-key.pem'));
  };

  it('is let in with the new one', async () => {
    const stranger = await createAuthority('another authority');
    await put(await stranger.client('bridge'));
    const port = await freePort();
    const file = join(folder, 'mapping.yaml');
    await writeFile(
      file,
      `version: 1
brokers:
  front:
    type: mqtt
    mqtt: mqtts://localhost:\${FRONT_MQTT_PORT}
    username: \${FRONT_USERNAME}
    password: \${FRONT_PASSWORD}
    tls: { ca: ${authority.ca}, cert: bridge.pem, key: bridge-key.pem }
routes:
  copy: { from: { mqtt: "rotated/{room}" }, to: { mqtt: "copies/{room}" } }
http: { port: ${port} }
`,
    );
    bridge = new CommandLine(['run', file], brokerEnvironment(broker, 'FRONT'));
    const ready = async () =>
      (await (await fetch(`http://127.0.0.1:${port}/health/ready`)).json()) as {
        readonly ready: boolean;
        readonly reasons: readonly string[];
      };
    await eventually(async () => /certificate/.test(JSON.stringify(await ready())));
    await stranger.remove();
    await put(await authority.client('bridge'));
    await eventually(async () => (await ready()).ready);
  });
});

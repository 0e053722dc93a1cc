import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate with its key, both as paths of PEM files. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test's own, in a folder under the system's temporary one. Needs the program `openssl`. */
export interface Authority {
  readonly folder: string;
  /** The path of its certificate. */
  readonly ca: string;
  /** A certificate for a server of these names or addresses. */
  server(name: string, ...hosts: readonly string[]): Promise<Identity>;
  client(name: string): Promise<Identity>;
  /** The identity and the authority in one PKCS #12 file, as Java reads them; its path. */
  keyStore(identity: Identity, password: string): Promise<string>;
  /** Only the authority's certificate, for Java to trust. */
  trustStore(password: string): Promise<string>;
  remove(): Promise<void>;
}

/** Seconds of clock that two machines may differ do not matter here: both ends are this machine. */
const DAYS = '2';

export async function createAuthority(name: string): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-certificates-'));
  const at = (file: string) => join(folder, file);
  const openssl = (...args: readonly string[]) => run('openssl', [...args], { cwd: folder });
  const ca = at('ca.pem');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-subj',
    `/CN=${name}`,
    '-days',
    DAYS,
    '-keyout',
    at('ca.key'),
    '-out',
    ca,
  );

  const issue = async (subject: string, extensions: readonly string[]): Promise<Identity> => {
    const [cert, key, request, extra] = ['pem', 'key', 'csr', 'ext'].map((end) =>
      at(`${subject}.${end}`),
    ) as [string, string, string, string];
    await openssl('req', '-new', ...newKey, '-subj', `/CN=${subject}`, '-keyout', key, '-out', request);
    await writeFile(extra, extensions.join('\n'));
    const signed = ['-CA', ca, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', DAYS, '-extfile', extra];
    await openssl('x509', '-req', '-in', request, ...signed, '-out', cert);
    return { cert, key };
  };
  return {
    folder,
    ca,
    server: (subject, ...hosts) => {
      const names = hosts.map((host) => (/^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`));
      return issue(subject, [`subjectAltName=${names.join(',')}`, 'extendedKeyUsage=serverAuth']);
    },
    client: (subject) => issue(subject, ['extendedKeyUsage=clientAuth']),
    async keyStore({ cert, key }, password) {
      const store = cert.replace(/\.pem$/, '.p12');
      const files = ['-in', cert, '-inkey', key, '-certfile', ca, '-out', store];
      await openssl('pkcs12', '-export', '-name', 'broker', ...files, '-passout', `pass:${password}`);
      return store;
    },
    async trustStore(password) {
      const store = at('trust.p12');
      const trusted = ['-importcert', '-noprompt', '-alias', 'ca', '-file', ca];
      await run('keytool', [...trusted, '-keystore', store, '-storetype', 'PKCS12', '-storepass', password]);
      return store;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The bytes of an identity's two files. */
export async function contentOf({ cert, key }: Identity): Promise<{ cert: Buffer; key: Buffer }> {
  return { cert: await readFile(cert), key: await readFile(key) };
}

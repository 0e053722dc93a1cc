import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { TlsOptions } from '../connectors/connector.js';
import type { ServerTls } from './config.js';
import { reasonOf } from './interpolate.js';
import type { Mapping } from './schema.js';
import { type Node, nodeAt, type Path, type Report } from './source.js';

const PARTS = ['ca', 'cert', 'key'] as const;
type Part = (typeof PARTS)[number];
type Files = { readonly [P in Part]?: Buffer };

/** The contents of all TLS files of a mapping. */
export interface TlsFiles {
  /** By the broker's name. */
  readonly brokers: ReadonlyMap<string, TlsOptions>;
  readonly http?: ServerTls;
}

/** Reads every TLS file that a mapping names, and sees that they are what they are meant to be. */
export async function readTls(
  mapping: Mapping,
  root: Node,
  readFile: (path: string) => Promise<Buffer>,
  report: Report,
): Promise<TlsFiles> {
  const brokers = new Map<string, TlsOptions>();
  for (const [name, { tls }] of Object.entries(mapping.brokers)) {
    if (tls === undefined) continue;
    const files = await readFiles(tls, ['brokers', name, 'tls'], root, readFile, report);
    brokers.set(name, { ...files, ...(tls.serverName === undefined ? {} : { servername: tls.serverName }) });
  }
  if (mapping.http.tls === undefined) return { brokers };
  const { cert, key, ca } = await readFiles(mapping.http.tls, ['http', 'tls'], root, readFile, report);
  // Where one could not be read that was reported, and no Config is made of this.
  if (cert === undefined || key === undefined) return { brokers };
  return { brokers, http: { cert, key, ...(ca === undefined ? {} : { ca }) } };
}

/** Reads what one `tls` of the mapping names. What cannot be used is reported, and what is in a key is never told. */
async function readFiles(
  tls: { readonly [P in Part]?: string | undefined },
  at: Path,
  root: Node,
  readFile: (path: string) => Promise<Buffer>,
  report: Report,
): Promise<Files> {
  const files: { -readonly [P in Part]?: Buffer } = {};
  for (const part of PARTS) {
    const path = tls[part];
    const node = nodeAt(root, [...at, part]);
    if (path === undefined || node === undefined) continue;
    if (path.includes('-----BEGIN')) {
      report.at(node, `"${part}" wants the path of a file, and this is what stands in one`);
      continue;
    }
    const filledIn = node.kind === 'scalar' && (node.inserted ?? []).some((value) => value !== '');
    const file = filledIn ? 'the file named here' : `the file ${JSON.stringify(path)}`;
    try {
      files[part] = await readFile(path);
    } catch (error) {
      report.at(node, `${file} cannot be read: ${reasonOf(error)}`);
      continue;
    }
    const problem = problemOf(part, files[part]);
    if (problem !== undefined) report.at(node, `${file} ${problem}`);
  }
  const { cert, key } = files;
  const node = nodeAt(root, [...at, 'key']);
  if (cert === undefined || key === undefined || node === undefined || !report.ok) return files;
  if (!belongTogether(cert, key))
    report.at(node, 'this is not the key of the certificate under "cert"; is one of them being replaced?');
  const refusal = refusalOf(cert, key);
  if (report.ok && refusal !== undefined)
    report.at(node, `OpenSSL does not take this certificate and key: ${refusal}`);
  return files;
}

/** What is wrong with the content of a file, for itself. */
function problemOf(part: Part, content: Buffer): string | undefined {
  if (part !== 'key')
    return isCertificate(content) ? undefined : 'is no certificate in PEM (-----BEGIN CERTIFICATE-----)';
  const text = content.toString('latin1');
  if (/-----BEGIN ENCRYPTED|Proc-Type: *4, *ENCRYPTED/.test(text))
    return 'is a key with a passphrase, which nobody could type in; decrypt it and protect the file';
  return text.includes('PRIVATE KEY-----')
    ? undefined
    : 'is no private key in PEM (-----BEGIN PRIVATE KEY-----)';
}

/** Node takes anything for an authority and then trusts nobody. */
function isCertificate(content: Buffer): boolean {
  try {
    return new X509Certificate(content).subject !== undefined;
  } catch {
    return false;
  }
}

function belongTogether(cert: Buffer, key: Buffer): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** What else there may be against them: an algorithm too weak, a key too short. */
function refusalOf(cert: Buffer, key: Buffer): string | undefined {
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

import { BridgeError } from '../errors.js';
import type { Endpoint } from './connector.js';

const UNTRUSTED =
  'its certificate is by an authority that the bridge does not trust: give the authority’s certificate as tls.ca of this broker';
const NO_TLS = 'it does not speak TLS on this port';
const TOO_OLD = 'it speaks no TLS 1.2 or later';
const WANTS_OURS = 'it wants a client certificate: give tls.cert and tls.key of this broker';
const NOT_OURS = 'it does not take the client certificate (tls.cert of this broker)';

/** What Node and OpenSSL call it, and what it means to whoever can mend it. */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['UNABLE_TO_GET_ISSUER_CERT', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNTRUSTED],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNTRUSTED],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNTRUSTED],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNTRUSTED],
  ['CERT_UNTRUSTED', UNTRUSTED],
  ['CERT_SIGNATURE_FAILURE', UNTRUSTED],
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet; is the clock of this machine right?'],
  ['INVALID_PURPOSE', 'its certificate is not meant for a server'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', NO_TLS],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', NO_TLS],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', TOO_OLD],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', TOO_OLD],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', WANTS_OURS],
]);

/** Alerts over a client certificate (RFC 8446, 6.2); brokers send them also when there is none. */
const ABOUT_OURS =
  /^ERR_SSL_(?:SSL|TLS)V\d+_ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|ACCESS_DENIED|HANDSHAKE_FAILURE)$/;

/** How a peer hangs up that has read enough. */
const HUNG_UP: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/**
 * `tls-refused` with a reason for people, when a socket failed because one end does not take the other's certificate, or one of them
 * does not speak TLS; `connection-failed` when the peer just hung up, which may mean that or anything else; otherwise undefined.
 * `place`: the broker, as the connector calls it. `error`: as Node gave it, undefined when the peer closed the connection without a word
 * of the protocol inside.
 */
export function tlsRefusal(endpoint: Endpoint, place: string, error: unknown): BridgeError | undefined {
  if (endpoint.tls === undefined) return undefined;
  const text = reasonOf(endpoint, error);
  if (text !== undefined) return new BridgeError('tls-refused', `${place}: ${text}`);
  // From TLS 1.3 on a client may write before it learns that it is refused, and the answer is lost then. Proxies hang up like that, too,
  // while the broker behind them starts: not to be taken for something that somebody has to mend.
  if (error !== undefined && !HUNG_UP.has((error as { readonly code?: unknown } | null)?.code))
    return undefined;
  const certificate =
    endpoint.tls.cert === undefined
      ? 'wants a client certificate (tls.cert and tls.key)'
      : 'does not take the client certificate (tls.cert)';
  return new BridgeError(
    'connection-failed',
    `${place}: it closed the connection before it answered; perhaps it is starting, or it ${certificate}`,
  );
}

/** What was written before the handshake failed makes EPROTO of it, with OpenSSL's own words in the text. */
const PROTOCOL_ERROR = /SSL routines:[^:]*:([^:]+):/;

const codeOf = (code: unknown, text: unknown): unknown => {
  const [, words] = (code === 'EPROTO' && typeof text === 'string' && PROTOCOL_ERROR.exec(text)) || [];
  return words === undefined ? code : `ERR_SSL_${words.toUpperCase().replaceAll(' ', '_')}`;
};

function reasonOf({ host, tls }: Endpoint, error: unknown): string | undefined {
  const {
    code: given,
    message,
    cert,
  } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly code?: unknown;
    readonly message?: unknown;
    readonly cert?: { readonly subjectaltname?: unknown };
  };
  const code = codeOf(given, message);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = typeof cert?.subjectaltname === 'string' ? cert.subjectaltname : 'other names';
    return `its certificate is for ${names.slice(0, 200)}, and not for ${tls?.servername ?? host}; if this is the right broker, give its name as tls.serverName`;
  }
  const known = REASONS.get(code);
  if (known !== undefined) return known;
  const hasOurs = tls?.cert !== undefined;
  if (typeof code === 'string' && ABOUT_OURS.test(code)) return hasOurs ? NOT_OURS : WANTS_OURS;
  return undefined;
}

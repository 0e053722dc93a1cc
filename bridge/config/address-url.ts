import { isIP } from 'node:net';
import type { Protocol } from '../connectors/connector.js';

/** Where a url points, and whether it asks for TLS. */
export interface UrlTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Ports that hold when nothing else is said: IANA's for MQTT and AMQP, ActiveMQ's for STOMP (none is usual with TLS). */
const PORTS: Readonly<Record<Protocol, { readonly plain: number; readonly tls?: number }>> = {
  mqtt: { plain: 1883, tls: 8883 },
  amqp: { plain: 5672, tls: 5671 },
  stomp: { plain: 61613 },
};

/** The port of a protocol on a `host` without a url. */
export function usualPort(protocol: Protocol): number {
  return PORTS[protocol].plain;
}

/** The target of `mqtt://host:port`, `mqtts://host` and so on, or what is wrong with it (without showing it). */
export function readBrokerUrl(protocol: Protocol, text: string): UrlTarget | { readonly problem: string } {
  const example = `${protocol}://host:${PORTS[protocol].plain}`;
  const parsed = readUrl(text, [`${protocol}:`, `${protocol}s:`], example);
  if ('problem' in parsed) return parsed;
  if (/^\/?$/.test(parsed.pathname) === false || parsed.search !== '' || parsed.hash !== '')
    return { problem: `a broker's url ends with its port: ${example}` };
  const tls = parsed.protocol === `${protocol}s:`;
  const port = parsed.port === '' ? PORTS[protocol][tls ? 'tls' : 'plain'] : Number(parsed.port);
  if (port === undefined)
    return { problem: `${protocol}s has no usual port; write it: ${protocol}s://host:port` };
  if (port === 0) return { problem: 'port 0 is no port to connect to' };
  return { host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'), port, tls };
}

/** What is wrong with the chat page's WebSocket url, or undefined. */
export function problemOfChatUrl(text: string): string | undefined {
  const parsed = readUrl(text, ['ws:', 'wss:'], 'ws://host:61614');
  return 'problem' in parsed ? parsed.problem : undefined;
}

/** What is wrong with the url that traces go to, or undefined. */
export function problemOfOtlpUrl(text: string): string | undefined {
  const example = 'http://localhost:4318/v1/traces';
  const parsed = readUrl(text, ['http:', 'https:'], example, OTLP_SECRETS);
  if ('problem' in parsed) return parsed.problem;
  return parsed.pathname === '/' ? `needs the path of a collector, for example ${example}` : undefined;
}

/** What is wrong with the address to listen on, or undefined. */
export function problemOfListenHost(host: string): string | undefined {
  return problemOfHost(host) === undefined
    ? undefined
    : 'must be a host name or an IP address, without a port or a scheme; 0.0.0.0 listens on every address';
}

/** What is wrong with a broker's host, or undefined. */
export function problemOfHost(host: string): string | undefined {
  if (isIP(host) !== 0 || /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$/.test(host)) return undefined;
  return 'must be a host name or an IP address, without a port or a scheme (a url goes under mqtt:, amqp: or stomp:)';
}

/** The variable by which OpenTelemetry exporters get what proves who they are. */
const OTLP_SECRETS = 'the environment variable OTEL_EXPORTER_OTLP_HEADERS';

function readUrl(
  text: string,
  schemes: readonly string[],
  example: string,
  secrets = '"username" and "password"',
): URL | { readonly problem: string } {
  const wanted = schemes.map((scheme) => `${scheme}//`).join(' or ');
  if (!schemes.some((scheme) => text.startsWith(`${scheme}//`)) || /[\s\\]/.test(text) || !URL.canParse(text))
    return { problem: `must be a url that begins with ${wanted}, for example ${example}` };
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || text.includes('@'))
    return { problem: `a url must not hold an account or password; use ${secrets} instead` };
  if (url.hostname === '') return { problem: `the url names no host; write for example ${example}` };
  return url;
}

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const BRIDGE = fileURLToPath(new URL('../../bridge/', import.meta.url));

/** How a connector gets at its bytes. */
const SOCKETS = ['connectors/frame-meter.ts', 'connectors/socket.ts', 'connectors/tls-refusal.ts'];

/**
 * What each part of bridge/ may import of ours besides itself: folders (and all below them) or single files.
 * Dependencies point one way: cli -> bridge -> flow -> connectors/connector.ts.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'heap.ts': [],
  'quiet-libraries.ts': [],
  'main.ts': ['quiet-libraries.ts', 'heap.ts', 'cli', 'errors.ts', 'observability'],
  'endpoints.ts': ['config/config.ts', 'connectors', 'errors.ts'],
  'dead-letters.ts': [
    'config/config.ts',
    'config/dead-letter-place.ts',
    'config/one-transaction.ts',
    'connectors/connector.ts',
    'endpoints.ts',
    'flow',
    'message',
    'routing',
    'sessions.ts',
    'errors.ts',
  ],
  'echo-paths.ts': [
    'config/config.ts',
    'config/address-set.ts',
    'connectors/connector.ts',
    'flow',
    'message',
    'sessions.ts',
  ],
  'canary.ts': [
    'config/canary-place.ts',
    'config/config.ts',
    'connectors/connector.ts',
    'connectors/supervisor.ts',
    'endpoints.ts',
    'message',
    'observability',
    'routing',
    'errors.ts',
    'status.ts',
  ],
  'canaries.ts': [
    'canary.ts',
    'config/config.ts',
    'config/dead-letter-place.ts',
    'config/fingerprint.ts',
    'connectors/connector.ts',
    'endpoints.ts',
    'observability',
    'sessions.ts',
    'status.ts',
  ],
  'lock.ts': [
    'config/config.ts',
    'config/lock-place.ts',
    'connectors/connector.ts',
    'connectors/supervisor.ts',
    'endpoints.ts',
    'observability',
    'routing',
    'errors.ts',
    'status.ts',
  ],
  'standby.ts': [
    'bridge.ts',
    'config/config.ts',
    'config/fingerprint.ts',
    'config/lock-place.ts',
    'flow',
    'lock.ts',
    'observability',
    'sessions.ts',
    'errors.ts',
    'status.ts',
  ],
  'bridge.ts': [
    'echo-paths.ts',
    'canaries.ts',
    'endpoints.ts',
    'config/config.ts',
    'sessions.ts',
    'config/client-ids.ts',
    'config/dead-letter-place.ts',
    'config/one-transaction.ts',
    'connectors',
    'flow',
    'message',
    'routing',
    'observability',
    'errors.ts',
    'secret.ts',
    'status.ts',
  ],
  'sessions.ts': [
    'config/config.ts',
    'config/fingerprint.ts',
    'config/left-behind.ts',
    'flow',
    'errors.ts',
    'status.ts',
  ],
  'errors.ts': [],
  'at-most.ts': [],
  'secret.ts': [],
  'status.ts': ['connectors/connector.ts', 'message/address.ts', 'errors.ts'],
  'topology.ts': [
    'config/config.ts',
    'config/dead-letter-place.ts',
    'connectors/connector.ts',
    'message/address.ts',
    'sessions.ts',
    'flow/exchange.ts',
    'status.ts',
  ],
  cli: [
    'at-most.ts',
    'bridge.ts',
    'standby.ts',
    'dead-letters.ts',
    'topology.ts',
    'config',
    'http',
    'rooms',
    'launch',
    'observability',
    'errors.ts',
    'status.ts',
    // For explain and test, which match and map without a broker.
    'connectors/flavours',
    'flow/mapping.ts',
    'flow/plan.ts',
    'flow/exchange.ts',
    'flow/dead-letter.ts',
    'flow/tails.ts',
    'message',
    'routing',
  ],
  config: ['connectors/connector.ts', 'connectors/flavours', 'message', 'routing', 'errors.ts', 'secret.ts'],
  routing: ['message', 'errors.ts'],
  message: ['routing', 'errors.ts'],
  flow: [
    'at-most.ts',
    'config/client-ids.ts',
    'config/config.ts',
    'connectors/connector.ts',
    'connectors/flavours/flavour.ts',
    'connectors/supervisor.ts',
    'connectors/backoff.ts',
    'message',
    'routing',
    'observability',
    'errors.ts',
    'status.ts',
  ],
  connectors: ['message', 'observability', 'errors.ts', 'secret.ts', 'status.ts'],
  'connectors/flavours': ['connectors/connector.ts', 'message', 'errors.ts'],
  'connectors/memory': [
    'connectors/connector.ts',
    'connectors/flavours',
    'message',
    'errors.ts',
    'secret.ts',
  ],
  'connectors/frame-meter.ts': [],
  'connectors/socket.ts': ['connectors/connector.ts', 'connectors/frame-meter.ts'],
  'connectors/tls-refusal.ts': ['connectors/connector.ts', 'errors.ts'],
  'connectors/mqtt': [
    ...SOCKETS,
    'connectors/connector.ts',
    'connectors/flavours',
    'message',
    'errors.ts',
    'secret.ts',
  ],
  'connectors/amqp': [
    ...SOCKETS,
    'connectors/connector.ts',
    'connectors/flavours',
    'connectors/peer.ts',
    'message',
    'errors.ts',
    'secret.ts',
  ],
  'connectors/stomp': [
    ...SOCKETS,
    'connectors/connector.ts',
    'connectors/flavours',
    'connectors/peer.ts',
    'message',
    'errors.ts',
    'secret.ts',
  ],
  // connector.ts for the names of protocols, which are part of a status.
  // Of dead letters and tails what the verbs that it is given answer.
  http: [
    'status.ts',
    'rooms',
    'dead-letters.ts',
    'flow/tails.ts',
    'config/config.ts',
    'config/fingerprint.ts',
    'config/loopback.ts',
    'connectors/connector.ts',
    'observability',
    'errors.ts',
  ],
  rooms: [
    'at-most.ts',
    'config/config.ts',
    'config/fingerprint.ts',
    'connectors/connector.ts',
    'connectors/supervisor.ts',
    'endpoints.ts',
    'message',
    'routing',
    'observability',
    'errors.ts',
  ],
  launch: ['errors.ts', 'observability', 'secret.ts'],
  observability: ['at-most.ts', 'message', 'errors.ts', 'status.ts'],
};

const files = readdirSync(BRIDGE, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.split(sep).join('/'));

/** The most specific part that a file belongs to. */
function partOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((part) => within(file, part))
    .sort((a, b) => b.length - a.length)[0];
}

function within(file: string, part: string): boolean {
  return file === part || file.startsWith(`${part}/`);
}

/** Every relative import, export-from and dynamic import of a file, as a path under bridge/. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(BRIDGE, file), 'utf8');
  const found = source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"](\.[^'"]+)['"]/g);
  return [...found].map(([, path = '']) =>
    relative(BRIDGE, join(BRIDGE, dirname(file), path))
      .split(sep)
      .join('/')
      .replace(/\.js$/, '.ts'),
  );
}

function forbidden(file: string): string[] {
  const part = partOf(file);
  if (part === undefined) return [`${file} belongs to no part of the layout`];
  const allowed = [part, ...(MAY_IMPORT[part] ?? [])];
  return importsOf(file)
    .filter((target) => {
      // A folder's parts with an entry of their own (one connector) are not the folder's.
      const own = partOf(target) === part;
      return !own && !allowed.some((one) => one !== part && within(target, one));
    })
    .map((target) => `${file} imports ${target}`);
}

describe('dependencies point one way', () => {
  it('and the test sees imports at all', () => {
    expect(importsOf('config/load.ts')).toContain('config/build.ts');
    expect(files).toContain('connectors/connector.ts');
  });

  it.each(Object.keys(MAY_IMPORT))('%s', (part) => {
    expect(files.filter((file) => partOf(file) === part).flatMap(forbidden)).toEqual([]);
  });

  it('and every file belongs to a part', () => {
    expect(files.filter((file) => partOf(file) === undefined)).toEqual([]);
  });

  it('and OpenTelemetry is loaded by one file, which is loaded only when it is wanted', () => {
    const sourceOf = (file: string) => readFileSync(join(BRIDGE, file), 'utf8');
    expect(files.filter((file) => sourceOf(file).includes("'@opentelemetry/"))).toEqual([
      'observability/open-telemetry.ts',
    ]);
    const wanting = files.filter((file) => importsOf(file).includes('observability/open-telemetry.ts'));
    expect(wanting.filter((file) => /from '[^']*open-telemetry/.test(sourceOf(file)))).toEqual([]);
    expect(wanting).toEqual(['cli/serve.ts']);
  });
});

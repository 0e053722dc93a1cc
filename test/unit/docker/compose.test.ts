import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../../bridge/cli/program.js';
import { loadConfig } from '../../../bridge/config/load.js';
import { parseAccounts } from '../../../bridge/launch/accounts.js';
import { findCheckout } from '../../../bridge/launch/checkout.js';

const { top } = findCheckout();

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly (string | { readonly type: string; readonly source: string })[];
  readonly mem_limit?: string;
  readonly stop_grace_period?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const FILES = ['compose.yaml', 'compose.artemis.yaml', 'compose.observability.yaml'];
const read = (path: string) => readFileSync(join(top, 'docker', path), 'utf8');
/** Compose files use YAML's merge key. */
const compose = (name: string) => parse(read(name), { merge: true }) as Compose;
const services = FILES.flatMap((file) =>
  Object.entries(compose(file).services).map(([name, service]) => ({ file, name, service })),
);
const bridges = services.filter(({ name }) => name === 'bridge');
/** `${NAME:-default}` as it is in an empty environment. */
const usual = (text: string) => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

describe.each(services)('$name in $file', ({ file, service }) => {
  it('can change nothing but its own volumes, and has no right that it does not need', () => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      tmpfs: ['/tmp'],
    });
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
  });

  it('is not root', () => {
    const user = service.user ?? userOf(service.build?.dockerfile ?? '');
    expect(usual(user)).toMatch(/^[1-9]\d*:\d+$/);
  });

  it('has an image of an exact version', () => {
    expect(service.image).toMatch(/:v?\d+\.\d+\.\d+$/);
  });

  it('is reachable from this machine only', () => {
    expect(service.ports?.length).toBeGreaterThan(0);
    for (const port of service.ports ?? []) expect(usual(port)).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('is asked whether it is well, without a shell', () => {
    expect(service.healthcheck?.test[0]).toBe('CMD');
  });

  it('has secrets as files that are declared, and none in its environment', () => {
    for (const name of service.secrets ?? []) expect(Object.keys(compose(file).secrets)).toContain(name);
    const named = Object.entries(service.environment ?? {}).filter(([name]) =>
      /PASSWORD|TOKEN|SECRET/.test(name),
    );
    for (const [name, value] of named) {
      expect(name).toMatch(/_FILE$/);
      expect(value).toMatch(/^\/run\/secrets\//);
      expect(service.secrets).toContain(value.replace('/run/secrets/', ''));
    }
  });

  it('mounts what is there', () => {
    const sources = (service.volumes ?? []).flatMap((volume) =>
      typeof volume === 'string' ? (/^(.+?):\//.exec(usual(volume))?.[1] ?? []) : volume.source,
    );
    for (const source of sources.filter((one) => one.startsWith('.')))
      expect(() => accessSync(resolve(top, 'docker', source), constants.R_OK), source).not.toThrow();
  });
});

/** The `USER` of the last stage. */
function userOf(dockerfile: string): string {
  return (
    /^USER (.+)$/m.exec(
      readFileSync(join(top, dockerfile), 'utf8')
        .split(/^FROM /m)
        .at(-1) ?? '',
    )?.[1] ?? ''
  );
}

describe.each(bridges)('the bridge in $file', ({ file: from, service }) => {
  it('starts when its broker is well, and is well when it is ready', () => {
    expect(Object.values(service.depends_on ?? {})).toEqual([{ condition: 'service_healthy' }]);
    expect(service.healthcheck?.test).toEqual(['CMD', 'node', 'docker/healthcheck.mjs', 'ready']);
  });

  it('has more time to end than it takes to drain', () => {
    expect(Number.parseInt(service.stop_grace_period ?? '', 10)).toBeGreaterThan(6 + 3.5);
  });

  it('runs a mapping file of ours that takes its settings from this environment', async () => {
    const [command, path = ''] = service.command ?? [];
    expect(command).toBe('run');
    const file = path.replace('/mapping/', `${join(top, 'mappings')}/`);
    const { secrets } = compose(from);
    const given = Object.fromEntries(
      Object.entries(service.environment ?? {}).map(([name, value]) => {
        const secret = secrets[value.replace('/run/secrets/', '')];
        return [name, secret === undefined ? usual(value) : resolve(top, 'docker', usual(secret.file))];
      }),
    );
    const result = await loadConfig(file, given);
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    const [broker] = result.config.brokers.values();
    const [host] = Object.keys(service.depends_on ?? {});
    expect(broker?.username).toBe('bridge');
    expect(broker?.password?.reveal()).toBe('bridge-try-out');
    expect(result.config.http.admin).toBeUndefined();
    for (const [first] of broker?.endpoints.values() ?? []) expect(first.host).toBe(host);
    expect(result.config.http.host).toBe('0.0.0.0');
    if (result.config.http.chat !== undefined) expect(result.config.http.chat).toBe('ws://127.0.0.1:61614');
    const text = readFileSync(file, 'utf8');
    for (const name of Object.keys(service.environment ?? {}))
      expect(text).toContain(`\${${name.replace(/_FILE$/, '')}:-`);
  });
});

describe('the demo secrets', () => {
  it("are the demo accounts' passwords, and no token for the dashboard", () => {
    const password = read('demo/bridge-password').trim();
    const lists = [
      readFileSync(join(top, 'broker', 'users.properties'), 'utf8'),
      read('demo/artemis-users.properties'),
    ];
    for (const list of lists) expect(parseAccounts(list)).toContainEqual({ username: 'bridge', password });
    expect(read('demo/admin-token')).toBe('');
  });

  it('are what the compose files use when nothing else is named', () => {
    for (const file of FILES)
      for (const { file: secret } of Object.values(compose(file).secrets))
        expect(statSync(resolve(top, 'docker', usual(secret))).isFile()).toBe(true);
  });
});

describe("the bridge's image", () => {
  it('has the version of the package, wherever it is named', () => {
    const { version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as { version: string };
    for (const { service } of bridges) expect(service.image).toBe(`activemq-bridge:${version}`);
    expect(read('kubernetes/kustomization.yaml')).toContain(`newTag: ${version}\n`);
  });
});

describe('the Dockerfiles', () => {
  it.each(['docker/Dockerfile', 'docker/broker.Dockerfile'])('%s is made from exact versions', (name) => {
    const text = readFileSync(join(top, name), 'utf8');
    const stages = [...text.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, stage]) => stage);
    const args = new Map(
      [...text.matchAll(/^ARG (\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
    );
    for (const [, image = ''] of text.matchAll(/^FROM (\S+)/gm)) {
      const named = image.replace(/^\$\{(\w+)\}$/, (_, key) => args.get(key) ?? '');
      if (!stages.includes(named)) expect(named).toMatch(/:\d+\.\d+\.\d+\S*$/);
    }
  });

  it('copy only what is there and is not left out', () => {
    const allowed = readFileSync(join(top, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const name of ['docker/Dockerfile', 'docker/broker.Dockerfile']) {
      const copies = readFileSync(join(top, name), 'utf8').matchAll(/^COPY (?!--from)(.+) \S+$/gm);
      for (const source of [...copies].flatMap(([, sources = '']) => sources.split(' '))) {
        expect(allowed).toContain(source);
        expect(() => statSync(join(top, source)), source).not.toThrow();
      }
    }
  });

  it('start the bridge without a shell, which would keep SIGTERM from it', () => {
    expect(read('Dockerfile')).toMatch(/^ENTRYPOINT \["node", "dist\/bridge\/main\.js"\]$/m);
    expect(read('Dockerfile')).toMatch(/^HEALTHCHECK .*CMD \["node", "docker\/healthcheck\.mjs", "live"\]$/m);
  });
});

describe('the mapping file for Kubernetes', () => {
  it('is valid, and its tests pass', async () => {
    const lines: string[] = [];
    const say = (line: string) => void lines.push(line);
    const stop = new AbortController().signal;
    const env = { ADMIN_TOKEN: 'only-for-this-test' };
    const context = { env, terminal: false, stop, onHangup: () => {}, say, complain: say };
    const file = join(top, 'docker', 'kubernetes', 'mapping.yaml');
    const result = await loadConfig(file, env);
    expect(result).toMatchObject({ ok: true, warnings: [] });
    await runCli(['test', file], context);
    expect(lines.at(-1)).toBe('2 passed, 0 failed');
  });
});

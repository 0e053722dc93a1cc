import { spawn, spawnSync } from 'node:child_process';
import { BridgeError } from '../errors.js';
import { LISTENERS, PORT_SETTINGS, type Ports } from './settings.js';

export interface DockerOptions {
  readonly composeFile: string;
  readonly ports: Ports;
  /** Absolute folder for the broker's messages; without it the compose file's own volume. */
  readonly dataDir?: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Container {
  /** Resolves, with the reason in words, when the container has ended, asked to or not. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
  kill(): void;
}

/** The broker's name in the compose file. */
const SERVICE = 'activemq';

/** Seconds for the broker to close its store before the engine kills it. */
const STOP_SECONDS = 4;

/**
 * Starts the compose file's broker and resolves once its health check passes.
 * @throws BridgeError missing-prerequisite when compose fails; what had started is stopped by then
 */
export async function startInDocker(options: DockerOptions): Promise<Container> {
  const stop = async () => {
    await compose(options, ['stop', '--timeout', String(STOP_SECONDS), SERVICE]);
  };
  const code = await compose(options, ['up', '--build', '--detach', '--wait', SERVICE], options.signal);
  if (code !== 0 || options.signal.aborted) {
    await stop();
    options.signal.throwIfAborted();
    throw new BridgeError('missing-prerequisite', 'docker compose could not start the broker (see above)');
  }
  const quiet = { ...options, say: () => {} };
  const exited = async (): Promise<string> => {
    await compose(quiet, ['wait', SERVICE]);
    // Compose before 2.20 has no `wait` and returns at once: then nobody can tell.
    const stillRuns = (await compose(quiet, ['exec', '-T', SERVICE, 'true'])) === 0;
    return stillRuns ? new Promise<never>(() => {}) : 'its container has ended';
  };
  return {
    exited: exited(),
    stop,
    kill: () => {
      spawnSync('docker', ['compose', '--file', options.composeFile, 'kill', SERVICE], { timeout: 5_000 });
    },
  };
}

/** What the compose file reads: the user's own environment, with what `up` decided on top. */
export function composeEnv(
  { ports, dataDir }: Pick<DockerOptions, 'ports' | 'dataDir'>,
  env: NodeJS.ProcessEnv,
  owner: string | undefined,
): NodeJS.ProcessEnv {
  const moved = LISTENERS.map((listener) => [PORT_SETTINGS[listener].variable, String(ports[listener])]);
  return {
    ...env,
    ...Object.fromEntries(moved),
    // Started again behind our back, it would look as if it had never ended.
    ACTIVEMQ_RESTART: 'no',
    ...(dataDir === undefined ? {} : { ACTIVEMQ_DATA_DIR: dataDir }),
    // A folder of the user's is not for the image's account to write in.
    ...(dataDir === undefined || owner === undefined ? {} : { ACTIVEMQ_DATA_OWNER: owner }),
  };
}

/** `uid:gid` of this process; undefined on systems without them. */
function ownIds(): string | undefined {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  return uid === undefined || gid === undefined ? undefined : `${uid}:${gid}`;
}

function compose(options: DockerOptions, command: readonly string[], signal?: AbortSignal): Promise<number> {
  const env = composeEnv(options, process.env, ownIds());
  return new Promise((resolve, reject) => {
    // A group of its own: a terminal's Ctrl-C must not reach the broker before the bridge has drained.
    const child = spawn('docker', ['compose', '--file', options.composeFile, ...command], {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Compose takes it as Ctrl-C: it gives up a download or a start.
    const interrupt = () => child.kill('SIGINT');
    signal?.addEventListener('abort', interrupt, { once: true });
    const pass = (chunk: string) => {
      for (const line of chunk.split(/[\r\n]+/)) if (line.trim() !== '') options.say(`  ${line.trim()}`);
    };
    child.stdout.setEncoding('utf8').on('data', pass);
    child.stderr.setEncoding('utf8').on('data', pass);
    child.once('error', (error) => {
      reject(
        new BridgeError('missing-prerequisite', `cannot run docker: ${error.message}`, { cause: error }),
      );
    });
    child.once('close', (code) => {
      signal?.removeEventListener('abort', interrupt);
      resolve(code ?? 1);
    });
  });
}

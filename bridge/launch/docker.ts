import { spawn } from 'node:child_process';
import { BridgeError } from '../errors.js';
import { LISTENERS, PORT_SETTINGS, type Ports } from './settings.js';

export interface DockerOptions {
  readonly composeFile: string;
  readonly ports: Ports;
  /** Absolute folder for the broker's messages; without it the compose file's own volume. */
  readonly dataDir?: string;
  readonly say: (line: string) => void;
}

/** Seconds for the broker to close its store before the engine kills it. */
const STOP_SECONDS = 4;

/**
 * Starts the compose file's broker and resolves once its health check passes; the answer stops it.
 * @throws BridgeError missing-prerequisite when compose fails; what had started is stopped by then
 */
export async function startInDocker(options: DockerOptions): Promise<{ stop(): Promise<void> }> {
  const stop = async () => {
    await compose(options, ['stop', '--timeout', String(STOP_SECONDS), 'activemq']);
  };
  if ((await compose(options, ['up', '--detach', '--wait', 'activemq'])) !== 0) {
    await stop();
    throw new BridgeError('missing-prerequisite', 'docker compose could not start the broker (see above)');
  }
  return { stop };
}

function compose(options: DockerOptions, command: readonly string[]): Promise<number> {
  const moved = LISTENERS.map((listener) => [
    PORT_SETTINGS[listener].variable,
    String(options.ports[listener]),
  ]);
  const env = { ...process.env, ...Object.fromEntries(moved) };
  if (options.dataDir !== undefined) env.ACTIVEMQ_DATA_DIR = options.dataDir;
  return new Promise((resolve, reject) => {
    // A group of its own: a terminal's Ctrl-C must not reach the broker before the bridge has drained.
    const child = spawn('docker', ['compose', '--file', options.composeFile, ...command], {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
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
    child.once('close', (code) => resolve(code ?? 1));
  });
}

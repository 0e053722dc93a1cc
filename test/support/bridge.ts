import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bridge, createBridge } from '../../bridge/bridge.js';
import { loadConfig } from '../../bridge/config/load.js';
import { silentLog } from '../../bridge/observability/log.js';
import type { TestBroker } from './brokers.js';
import { eventually } from './eventually.js';

/** The mapping file that ships. */
export const CHAT_MAPPING = fileURLToPath(new URL('../../mappings/chat.yaml', import.meta.url));

/** Milliseconds for what is in flight when a test's bridge stops. */
const DRAIN = 5000;

export interface TestBridge extends Bridge {
  /** Drains and closes it. */
  end(): Promise<void>;
}

/** What a shipped mapping file reads from the environment to reach this broker with the bridge's account. */
export function brokerEnvironment(broker: TestBroker, prefix = 'ACTIVEMQ'): Record<string, string> {
  const { ports, accounts } = broker;
  const all = {
    MQTT: ports.mqtt,
    AMQP: ports.amqp,
    STOMP: ports.stomp,
    WS: ports.ws,
    OPENWIRE: ports.openwire,
  };
  return {
    [`${prefix}_HOST`]: broker.host,
    [`${prefix}_USERNAME`]: accounts.bridge.username,
    [`${prefix}_PASSWORD`]: accounts.bridge.password,
    ...Object.fromEntries(
      Object.entries(all).flatMap(([name, port]) =>
        port === undefined ? [] : [[`${prefix}_${name}_PORT`, String(port)]],
      ),
    ),
  };
}

export interface StartOptions {
  /** False: resolves at once, for a bridge that is not to become ready. */
  readonly untilReady?: boolean;
  /** Variables besides those of the broker. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A bridge in this process on a mapping file, without its HTTP server; resolves when every route is ready. */
export async function startBridge(
  file: string,
  env: Record<string, string>,
  { untilReady = true }: StartOptions = {},
): Promise<TestBridge> {
  const result = await loadConfig(file, env);
  if (!result.ok) throw new Error(`${file}: ${JSON.stringify(result.diagnostics, undefined, 2)}`);
  const bridge = createBridge(result.config, silentLog);
  bridge.start();
  const end = () => bridge.stop(DRAIN);
  if (!untilReady) return { ...bridge, end };
  try {
    await eventually(() => bridge.status().ready);
  } catch (error) {
    const { connections } = bridge.status();
    await end();
    throw new Error(`the bridge is not ready: ${JSON.stringify(connections, undefined, 2)}`, {
      cause: error,
    });
  }
  return { ...bridge, end };
}

/** The same on the text of a mapping file. */
export async function startBridgeOn(
  mapping: string,
  broker: TestBroker,
  options: StartOptions = {},
): Promise<TestBridge> {
  const folder = await mkdtemp(join(tmpdir(), 'activemq-bridge-'));
  try {
    const file = join(folder, 'mapping.yaml');
    await writeFile(file, mapping);
    return await startBridge(file, { ...brokerEnvironment(broker), ...options.env }, options);
  } finally {
    await rm(folder, { recursive: true });
  }
}

import { mkdir } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BridgeError } from '../errors.js';
import { compileBrokerClasses } from './broker-classes.js';
import { findCheckout } from './checkout.js';
import { fetchWithMaven, isFetched, type MavenFetch } from './maven.js';
import { type ServerCommand, startServer } from './server-process.js';
import type { Listener } from './settings.js';

export interface FetchOptions {
  readonly cacheDir: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

const jars = (cacheDir: string): Omit<MavenFetch, 'say'> => ({
  name: 'ActiveMQ',
  pom: join(findCheckout().broker, 'pom.xml'),
  goal: 'copy-dependencies',
  checksums: join(findCheckout().broker, 'jars.sha256'),
  folder: 'activemq',
  cacheDir,
});

/** True when `fetchActiveMq` would need neither Maven nor a network. */
export function areJarsCached(cacheDir: string): Promise<boolean> {
  return isFetched(jars(cacheDir));
}

/**
 * The folder with the jars of broker/pom.xml, fetched if need be (about 25 MB).
 * @throws BridgeError missing-prerequisite when Maven is not there or fails
 */
export function fetchActiveMq({ cacheDir, say, signal }: FetchOptions): Promise<string> {
  return fetchWithMaven({ ...jars(cacheDir), say, ...(signal === undefined ? {} : { signal }) });
}

export interface StartOptions {
  /** What `fetchActiveMq` gave. */
  readonly libDir: string;
  /** Folder with activemq.xml, login.config, users.properties, log4j2.properties, and the broker's own classes in java/. */
  readonly confDir: string;
  /** Where messages, sessions and the broker's log file stay from start to start; made if it is not there. */
  readonly dataDir: string;
  readonly ports: Readonly<Record<Exclude<Listener, 'http'>, number>>;
  /** Largest heap in MiB; 512 without it. */
  readonly heap?: number;
  /** More options of the JVM. */
  readonly jvm?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface RunningActiveMq {
  readonly pid: number;
  /** Resolves when the broker has ended, asked to or not, with the reason in words. */
  readonly exited: Promise<string>;
  /** Ends it so that the next start needs no recovery; after 8 s without mercy. Resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash would. What was confirmed survives. */
  kill(): void;
  /** For faults: SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
}

/** Milliseconds. A JVM on a busy machine with a journal to recover takes longer than the usual two seconds. */
const START_TIMEOUT = 60_000;
const STOP_TIMEOUT = 8000;

/**
 * Starts the broker and resolves once all of its listeners take connections. It runs in a process group of its
 * own and ends with our process.
 * @throws BridgeError missing-prerequisite when there is no JDK, a port is taken, the data are in use, or it does
 *   not start in time; `details` has the broker's last lines
 */
export async function startActiveMq(options: StartOptions): Promise<RunningActiveMq> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true });
  const classes = await compileBrokerClasses(join(options.confDir, 'java'), options.libDir);
  const server = await startServer(serverCommand(options, dataDir, classes)).catch((error: unknown) => {
    throw error instanceof BridgeError && error.details.some((line) => LOCKED.test(line))
      ? new BridgeError(
          'missing-prerequisite',
          `another broker uses the messages in ${dataDir}; stop it, or give --data another folder`,
        )
      : error;
  });
  return {
    pid: server.pid,
    exited: server.exited,
    stop: () => server.stop(STOP_TIMEOUT),
    kill: () => server.kill(),
    signal: (name) => server.signal(name),
  };
}

/** What KahaDB says when its lock file is taken. */
const LOCKED = /kahadb.{0,3}lock\b.*could not be locked/i;

function serverCommand(options: StartOptions, dataDir: string, classes: string): ServerCommand {
  const { signal } = options;
  return {
    name: 'ActiveMQ',
    command: javaCommand(process.env),
    args: javaArguments({ ...options, dataDir }, classes),
    cwd: dataDir,
    // The line after the last connector's; a listener that cannot start ends the process before it.
    ready: /Apache ActiveMQ \S+ \(.*\) started\b/,
    startTimeout: START_TIMEOUT,
    ...(signal === undefined ? {} : { signal }),
  };
}

/** The Java that JAVA_HOME names, otherwise the one on the PATH. */
export function javaCommand(env: NodeJS.ProcessEnv): string {
  return env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : 'java';
}

function javaArguments(
  { libDir, confDir, dataDir, ports, heap = 512, jvm = [] }: StartOptions,
  classes: string,
): string[] {
  const conf = resolve(confDir);
  const properties: Record<string, string | number> = {
    'activemq.home': dataDir,
    'activemq.base': dataDir,
    'activemq.conf': conf,
    'activemq.data': dataDir,
    'java.security.auth.login.config': join(conf, 'login.config'),
    'log4j2.configurationFile': join(conf, 'log4j2.properties'),
    'log4j2.disableJmx': 'true',
    'java.awt.headless': 'true',
  };
  for (const [listener, port] of Object.entries(ports)) properties[`activemq.${listener}.port`] = port;
  return [
    `-Xmx${heap}m`,
    // Small and predictable; the other collectors start more threads than two cores have use for.
    '-XX:+UseSerialGC',
    // A broker without memory answers nobody and stops nothing; one that ended is seen and started again.
    '-XX:+ExitOnOutOfMemoryError',
    ...jvm,
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    '-cp',
    [resolve(classes), join(resolve(libDir), '*')].join(delimiter),
    'org.apache.activemq.console.Main',
    'start',
    `xbean:${pathToFileURL(join(conf, 'activemq.xml'))}`,
  ];
}

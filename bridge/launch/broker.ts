import { join } from 'node:path';
import { BridgeError } from '../errors.js';
import type { Account } from './accounts.js';
import { areJarsCached, fetchActiveMq, startActiveMq } from './activemq.js';
import type { Checkout } from './checkout.js';
import { startInDocker } from './docker.js';
import { HERE, type Ports } from './settings.js';
import { tryStompLogin } from './stomp-login.js';
import { chooseRuntime } from './tools.js';

/** A broker that `up` started, or found and leaves alone. */
export interface LaunchedBroker {
  /** Resolves, with the reason in words, if it ends without having been asked to. */
  readonly exited: Promise<string>;
  /** Ends it cleanly; its messages stay. Does nothing for a broker that was there before. */
  stop(): Promise<void>;
  /** Ends it at once, without waiting for anything. */
  kill(): void;
}

export interface LaunchOptions {
  readonly checkout: Checkout;
  readonly ports: Ports;
  /** Absolute; without it a place of its own under `.cache`. */
  readonly dataDir?: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A broker that somebody else runs. */
export const foundBroker: LaunchedBroker = {
  exited: new Promise(() => {}),
  stop: () => Promise.resolve(),
  kill: () => {},
};

/**
 * Starts the broker with Java, or else with Docker.
 * @throws BridgeError missing-prerequisite when neither can, saying what to install
 */
export async function launchBroker(options: LaunchOptions): Promise<LaunchedBroker> {
  const { checkout, ports, say, signal, dataDir } = options;
  const runtime = await chooseRuntime(await areJarsCached(checkout.cache));
  signal.throwIfAborted();
  if (runtime.kind === 'none') {
    const [first = '', ...details] = runtime.lines;
    throw new BridgeError('missing-prerequisite', first, { details });
  }
  if (runtime.kind === 'docker') {
    say(`${runtime.because}; starting ActiveMQ with Docker …`);
    const inDocker = {
      composeFile: checkout.compose,
      ports,
      say,
      signal,
      ...(dataDir === undefined ? {} : { dataDir }),
    };
    return startInDocker(inDocker);
  }
  const libDir = await fetchActiveMq({ cacheDir: checkout.cache, say, signal });
  const { http: _, ...brokerPorts } = ports;
  const data = dataDir ?? join(checkout.cache, 'data');
  say('Starting ActiveMQ …');
  const settings = { libDir, confDir: checkout.broker, dataDir: data, ports: brokerPorts, signal };
  const broker = await startActiveMq(settings);
  say(`ActiveMQ is up (process ${broker.pid}); its messages and its log are in ${data}`);
  return broker;
}

/** Milliseconds a cold JVM on a busy machine may take. */
const START = 90_000;
const AGAIN = 200;

/**
 * Resolves once the broker takes the login over STOMP.
 * @throws BridgeError missing-prerequisite when it ends, refuses the login, or does not answer in time
 */
export async function brokerAnswers(
  broker: LaunchedBroker,
  ports: Ports,
  login: Account,
  signal: AbortSignal,
): Promise<void> {
  let ended: string | undefined;
  void broker.exited.then((reason) => {
    ended = reason;
  });
  const until = performance.now() + START;
  for (;;) {
    const answer = await tryStompLogin({ host: HERE, port: ports.stomp, ...login, timeout: 3000 });
    signal.throwIfAborted();
    if (answer.kind === 'connected') return;
    if (ended !== undefined) throw new BridgeError('missing-prerequisite', `the broker ended: ${ended}`);
    if (answer.kind === 'refused') {
      const what = `the broker does not take the account ${JSON.stringify(login.username)}: ${answer.reason}`;
      throw new BridgeError('missing-prerequisite', what);
    }
    if (performance.now() > until) {
      throw new BridgeError('missing-prerequisite', `the broker did not answer in ${START / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

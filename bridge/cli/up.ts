import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { atMost } from '../at-most.js';
import { withoutFiles } from '../config/interpolate.js';
import { MAX_OTHER, readAtMost } from '../config/read-file.js';
import { asBridgeError, BridgeError } from '../errors.js';
import { type Account, bridgeLogin, readAccounts } from '../launch/accounts.js';
import { brokerAnswers, foundBroker, type LaunchedBroker, launchBroker } from '../launch/broker.js';
import { type Checkout, findCheckout } from '../launch/checkout.js';
import { mayBeBroker, type Plan, type PortStates, planBroker } from '../launch/plan.js';
import { portState } from '../launch/ports.js';
import {
  ADMIN,
  HERE,
  LISTENERS,
  LOGIN_SETTINGS,
  mappingEnv,
  PORT_SETTINGS,
  type Ports,
  readPorts,
} from '../launch/settings.js';
import { tryStompLogin } from '../launch/stomp-login.js';
import { summaryLines } from '../launch/summary.js';
import type { Log } from '../observability/log.js';
import { type Context, EXIT, type ExitCode, stopped } from './context.js';
import { loadMapping } from './mapping.js';
import { type Serving, serve } from './serve.js';

export interface UpOptions {
  readonly data?: string;
  readonly log: Log;
}

/** Milliseconds, together under the promised 10 s: the drain, what it may run over, and the broker's own end. */
const DRAIN = 3500;
const DRAIN_SLACK = 700;
const BROKER_STOP = 5000;
/** Milliseconds to wait for readiness before the summary is printed all the same. */
const READY = 20_000;

/** Brings up broker, bridge and chat page, and takes them down again in the opposite order when asked to end. */
export async function up(options: UpOptions, context: Context): Promise<ExitCode> {
  const { say, complain, stop } = context;
  const env = await settings(context.env);
  const checkout = findCheckout();
  const ports = readPorts(env);
  const accounts = await readAccounts(join(checkout.broker, 'users.properties'));
  const login = bridgeLogin(env, accounts);
  const adminToken = env[ADMIN.token] ? undefined : randomBytes(16).toString('hex');
  const mapping = {
    file: checkout.chatMapping,
    env: mappingEnv(env, ports, login, adminToken ?? env[ADMIN.token] ?? ''),
  };
  const config = await loadMapping(mapping.file, mapping.env, complain);

  const plan = await makePlan(ports, login);
  if (plan.kind === 'refuse') {
    throw new BridgeError('missing-prerequisite', 'nothing was started', { details: plan.lines });
  }
  if (plan.kind === 'start') mustBeOurs(login, accounts);
  const broker = await unlessStopped(bringBroker(plan, checkout, ports, options, context), stop);
  if (broker === undefined) return stoppedEarly(context);
  // Whatever ends this process, even a second Ctrl-C, must not leave a broker behind that nobody knows of.
  process.once('exit', () => broker.kill());
  try {
    const answers = brokerAnswers(broker, ports, login, stop).then(() => true);
    if ((await unlessStopped(answers, stop)) === undefined) return stoppedEarly(context);
    const serving = await serve(config, mapping, options.log);
    try {
      await becomesReady(serving, stop);
      const people = accounts.filter(({ username }) => username !== login.username);
      const usable = plan.kind === 'start' ? people : await loginsTaken(ports, people);
      const closed = plan.kind === 'use' ? plan.closed : [];
      const whose = plan.kind === 'start' ? 'ours' : 'theirs';
      for (const line of summaryLines({ ports, closed, accounts: usable, broker: whose, adminToken }))
        say(line);
      return await untilTheEnd(broker, context);
    } finally {
      await atMost(DRAIN + DRAIN_SLACK, serving.stop(DRAIN));
    }
  } finally {
    await endBroker(broker, context);
  }
}

/** The environment, with secrets that stand in files. @throws BridgeError configuration-invalid */
async function settings(env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const readText = async (path: string) => (await readAtMost(path, MAX_OTHER)).toString('utf8');
  try {
    return await withoutFiles([...LOGIN_SETTINGS, ADMIN.token], { env, readText });
  } catch (error) {
    throw asBridgeError(error, 'configuration-invalid');
  }
}

/** The broker that `up` starts knows only the accounts of its own file. */
function mustBeOurs(login: Account, accounts: readonly Account[]): void {
  if (accounts.some(({ username, password }) => username === login.username && password === login.password))
    return;
  throw new BridgeError(
    'configuration-invalid',
    'ACTIVEMQ_USERNAME and ACTIVEMQ_PASSWORD are no account of broker/users.properties; ' +
      'unset them, or add the account there',
  );
}

/** The work's result; undefined if it failed because of, or after, the request to end. */
async function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

function stoppedEarly({ say }: Context): ExitCode {
  say('Stopped before everything was up.');
  return EXIT.done;
}

async function makePlan(ports: Ports, login: Account): Promise<Plan> {
  const found = await Promise.all(
    LISTENERS.map(async (listener) => [listener, await portState(HERE, ports[listener])] as const),
  );
  const states = Object.fromEntries(found) as PortStates;
  const ask = { host: HERE, port: ports.stomp, ...login, timeout: 5000 };
  return planBroker(ports, states, mayBeBroker(states) ? await tryStompLogin(ask) : undefined);
}

async function bringBroker(
  plan: Exclude<Plan, { kind: 'refuse' }>,
  checkout: Checkout,
  ports: Ports,
  options: UpOptions,
  { say, stop }: Context,
): Promise<LaunchedBroker> {
  if (plan.kind === 'start') {
    const data = options.data === undefined ? {} : { dataDir: resolve(options.data) };
    return launchBroker({ checkout, ports, say, signal: stop, ...data });
  }
  say(`Using the ActiveMQ ${plan.version} that already runs on these ports and takes our login.`);
  say(
    '  If another bridge with these rules runs on it, stop that first: two with one client id end each other.',
  );
  for (const listener of plan.closed) {
    const { label, variable } = PORT_SETTINGS[listener];
    say(`  It has nothing on ${label} port ${ports[listener]}; if that is elsewhere, set ${variable}.`);
  }
  return foundBroker;
}

/** Resolves when every route works, when asked to stop, or after a while: health then tells what is missing. */
async function becomesReady(serving: Serving, stop: AbortSignal): Promise<void> {
  const until = performance.now() + READY;
  while (!serving.status().ready && !stop.aborted && performance.now() < until) {
    await new Promise((next) => setTimeout(next, 50));
  }
}

/** Those of the try-out accounts that a broker of somebody else's takes. */
async function loginsTaken(ports: Ports, accounts: readonly Account[]): Promise<Account[]> {
  const answers = await Promise.all(
    accounts.map((account) => tryStompLogin({ host: HERE, port: ports.stomp, ...account, timeout: 3000 })),
  );
  return accounts.filter((_, index) => answers[index]?.kind === 'connected');
}

async function untilTheEnd(broker: LaunchedBroker, { say, complain, stop }: Context): Promise<ExitCode> {
  const ended = await Promise.race([
    stopped(stop).then(() => undefined),
    broker.exited.then((reason) => ({ reason })),
  ]);
  if (ended === undefined) {
    say('Stopping …');
    return EXIT.done;
  }
  complain(`error: the broker ended by itself: ${ended.reason}`);
  return EXIT.failed;
}

async function endBroker(broker: LaunchedBroker, { say, complain }: Context): Promise<void> {
  if (await atMost(BROKER_STOP, broker.stop())) {
    if (broker !== foundBroker) say('The broker has stopped; its messages are kept for the next start.');
    return;
  }
  broker.kill();
  complain('the broker did not stop in time and was killed; what it had confirmed is on disk');
}

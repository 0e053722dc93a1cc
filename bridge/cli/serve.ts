import { atMost } from '../at-most.js';
import { type Bridge, createBridge } from '../bridge.js';
import type { Config } from '../config/config.js';
import { deadLetterVerbs } from '../dead-letters.js';
import { Tails } from '../flow/tails.js';
import type { Dashboard } from '../http/dashboard-api.js';
import { type HttpServer, startHttp } from '../http/server.js';
import type { Log } from '../observability/log.js';
import { createMetrics } from '../observability/metrics.js';
import { RecentProblems } from '../observability/recent-problems.js';
import type { Tracer } from '../observability/tracer.js';
import { ChatRooms } from '../rooms/chat-rooms.js';
import { createStandbyBridge } from '../standby.js';
import type { BridgeStatus } from '../status.js';
import { topologyOf } from '../topology.js';
import { createReloader, type MappingSource, type Reloadable, type Reloader } from './reload.js';

/** A bridge with its health page, at work. */
export interface Serving {
  readonly httpPort: number;
  status(): BridgeStatus;
  /** See `Reloader.reload`. */
  readonly reload: Reloader['reload'];
  /** Drains within about `deadlineMs` milliseconds, then closes HTTP: health tells of the drain until its end. */
  stop(deadlineMs: number): Promise<void>;
}

/** Milliseconds for open HTTP requests to end, and for spans that wait to be exported. */
const HTTP_CLOSE = 500;

/**
 * Starts both, and follows the file that the rules came from. Resolves while the bridge is still connecting.
 * @throws BridgeError missing-prerequisite when the HTTP port is taken; nothing is left running then
 */
export async function serve(config: Config, source: MappingSource, processLog: Log): Promise<Serving> {
  const problems = new RecentProblems();
  const log = problems.alsoFor(processLog);
  const tails = config.http.admin?.tail === true ? new Tails() : undefined;
  const tracer = await tracerOf(config, log);
  const onlookers = { ...(tails && { tails }), ...(tracer && { tracer }) };
  const rooms = new ChatRooms(config, log);
  const { standby } = config;
  const bridge =
    standby === undefined
      ? withRooms(createBridge(config, log, onlookers), rooms)
      : createStandbyBridge(config, standby, rooms, log, onlookers);
  const running: { -readonly [Part in keyof Reloadable]: Reloadable[Part] } = { bridge, rooms };
  const reloader = createReloader(source, running, config, log);
  const status = (): BridgeStatus => {
    const { last } = reloader;
    return { ...bridge.status(), ...(last === undefined ? {} : { lastReload: last }) };
  };
  let http: HttpServer;
  try {
    http = await startHttp({
      config: config.http,
      status,
      reload: () => reloader.reload('http'),
      rooms: {
        get directory() {
          return rooms.directory;
        },
        get history() {
          return rooms.history;
        },
        get isStandingBy() {
          return standby !== undefined && !rooms.isStarted;
        },
      },
      log,
      dashboard: dashboardOf(bridge, problems, tails),
      metrics: createMetrics(() => ({ status: status(), measurements: bridge.measurements() })),
    });
  } catch (error) {
    reloader.stop();
    await tracer?.stop(0);
    throw error;
  }
  running.http = http;
  bridge.start();
  return {
    httpPort: http.port,
    status,
    reload: (cause) => reloader.reload(cause),
    stop: async (deadlineMs) => {
      reloader.stop();
      await bridge.stop(deadlineMs);
      await Promise.all([atMost(HTTP_CLOSE, http.close()), tracer?.stop(HTTP_CLOSE)]);
    },
  };
}

/** OpenTelemetry is loaded where it is wanted, and only there. */
async function tracerOf({ tracing }: Config, log: Log): Promise<Tracer | undefined> {
  if (tracing === undefined) return undefined;
  const { startTracing } = await import('../observability/open-telemetry.js');
  return startTracing(tracing, log);
}

/** The rooms work whenever this bridge does. */
function withRooms(bridge: Bridge, rooms: ChatRooms): Bridge {
  return {
    ...bridge,
    start() {
      bridge.start();
      rooms.start();
    },
    async stop(deadline) {
      await Promise.all([bridge.stop(deadline), rooms.stop()]);
    },
  };
}

function dashboardOf(bridge: Bridge, problems: RecentProblems, tails: Tails | undefined): Dashboard {
  let known = bridge.rules();
  let topology = topologyOf(known);
  return {
    topology() {
      const now = bridge.rules();
      if (now !== known) topology = topologyOf(now);
      known = now;
      return topology;
    },
    problems: () => problems.list(),
    deadLetters: deadLetterVerbs(() => bridge.rules()),
    ...(tails === undefined ? {} : { tail: (route) => tails.read(route) }),
  };
}

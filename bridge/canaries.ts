import { Canary } from './canary.js';
import type { BrokerConfig, Config } from './config/config.js';
import { deadLetterPlace } from './config/dead-letter-place.js';
import { fingerprint } from './config/fingerprint.js';
import type { Protocol } from './connectors/connector.js';
import { CONNECT } from './endpoints.js';
import type { Log } from './observability/log.js';
import { brokerNamed, type SessionRoutes } from './sessions.js';
import type { CanaryStatus } from './status.js';

interface Running {
  readonly canary: Canary;
  readonly fingerprint: string;
}

/** The canaries of a bridge: one for each broker that has `canary`, and each protocol that the rules use there. */
export class Canaries {
  readonly #log: Log;
  #running = new Map<string, Running>();
  #stopped = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Goes over to what these rules ask for; a canary of a broker that is the same goes on. Call it once the routes have started. */
  async update(config: Config, sessions: Iterable<SessionRoutes>): Promise<void> {
    const wanted = wantedOf(config, sessions);
    const stays = new Map(
      [...this.#running].filter(([name, { fingerprint: known }]) => wanted.get(name)?.fingerprint === known),
    );
    const ending = [...this.#running].filter(([name]) => !stays.has(name));
    this.#running = stays;
    // Of one client id a broker keeps one connection.
    await Promise.all(ending.map(([, { canary }]) => canary.stop()));
    if (this.#stopped) return;
    for (const [name, { broker, protocol, every, fingerprint: known }] of wanted) {
      if (this.#running.has(name)) continue;
      const canary = new Canary({ broker, protocol, every, connect: CONNECT[protocol], log: this.#log });
      this.#running.set(name, { canary, fingerprint: known });
      canary.start();
    }
  }

  status(): CanaryStatus[] {
    return [...this.#running.values()].map(({ canary }) => canary.status());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#running.values()].map(({ canary }) => canary.stop()));
  }
}

interface Wanted {
  readonly broker: BrokerConfig;
  readonly protocol: Protocol;
  readonly every: number;
  readonly fingerprint: string;
}

function wantedOf(config: Config, sessions: Iterable<SessionRoutes>): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const routes of sessions)
    for (const { config: route, outputs } of routes)
      for (const end of [route.from, ...outputs, deadLetterPlace(route, config.brokers, outputs)]) {
        const name = `${end.broker} over ${end.via}`;
        const broker = brokerNamed(config, end.broker);
        if (broker.canary === undefined || wanted.has(name)) continue;
        const { every } = broker.canary;
        wanted.set(name, { broker, protocol: end.via, every, fingerprint: fingerprint(broker) });
      }
  return wanted;
}

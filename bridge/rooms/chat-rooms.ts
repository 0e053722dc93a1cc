import type { Config } from '../config/config.js';
import { fingerprint } from '../config/fingerprint.js';
import type { Log } from '../observability/log.js';
import { createRoomDirectory, type RoomDirectory, roomsBroker } from './directory.js';
import { createRoomHistory, keepsHistory, type RoomHistory } from './history.js';

interface Running {
  /** Of all that they are made of. */
  readonly fingerprint: string;
  readonly directory?: RoomDirectory;
  readonly history?: RoomHistory;
}

/** The list of rooms and what was said last in them, on the broker that the rules name; follows the rules. */
export class ChatRooms {
  readonly #log: Log;
  #config: Config;
  #running: Running;
  #isStarted = false;
  #changing: Promise<void> = Promise.resolve();

  constructor(config: Config, log: Log) {
    this.#log = log;
    this.#config = config;
    this.#running = runningOf(config, log);
  }

  /** Undefined where the rules have no chat. */
  get directory(): RoomDirectory | undefined {
    return this.#running.directory;
  }

  /** Undefined where no rule keeps what was said. */
  get history(): RoomHistory | undefined {
    return this.#running.history;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  start(): void {
    this.#isStarted = true;
    this.#running.directory?.start();
    this.#running.history?.start();
  }

  /** Goes over to what these rules ask for. Meanwhile nothing is listed, and whoever makes a room waits some seconds for the new connection. */
  update(config: Config): Promise<void> {
    const updated = this.#changing.then(() => this.#update(config));
    this.#changing = updated.catch(() => undefined);
    return updated;
  }

  async #update(config: Config): Promise<void> {
    const before = this.#running;
    const next = runningOf(config, this.#log);
    this.#config = config;
    if (next.fingerprint === before.fingerprint) return;
    this.#running = next;
    if (!this.#isStarted) return;
    // Of one client id a broker keeps one connection.
    await Promise.all([before.directory?.stop(), before.history?.stop()]);
    if (this.#isStarted) this.start();
  }

  /** It may be started again afterwards. */
  async stop(): Promise<void> {
    const wasStarted = this.#isStarted;
    this.#isStarted = false;
    await this.#changing;
    if (!wasStarted) return;
    const { directory, history } = this.#running;
    this.#running = runningOf(this.#config, this.#log);
    await Promise.all([directory?.stop(), history?.stop()]);
  }
}

function runningOf(config: Config, log: Log): Running {
  const broker = roomsBroker(config);
  if (broker === undefined) return { fingerprint: fingerprint(undefined) };
  const hasHistory = keepsHistory(config, broker);
  return {
    fingerprint: fingerprint({ ...broker, canary: undefined }, hasHistory),
    directory: createRoomDirectory(broker, log),
    ...(hasHistory ? { history: createRoomHistory(broker, log) } : {}),
  };
}

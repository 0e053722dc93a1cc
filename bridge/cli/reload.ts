import { unwatchFile, watchFile } from 'node:fs';
import type { Bridge } from '../bridge.js';
import type { Config } from '../config/config.js';
import { fingerprint } from '../config/fingerprint.js';
import { type Diagnostic, formatDiagnostic, loadConfig } from '../config/load.js';
import { asBridgeError } from '../errors.js';
import type { Log } from '../observability/log.js';
import type { ChatRooms } from '../rooms/chat-rooms.js';
import type { ReloadOutcome } from '../status.js';

/** Where the rules of a running bridge stand. */
export interface MappingSource {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** What goes over to new rules, the rooms after the bridge. */
export interface Reloadable {
  readonly bridge: Pick<Bridge, 'reload'>;
  readonly rooms: Pick<ChatRooms, 'update'>;
}

export interface Reloader {
  /** Reads the mapping file again and goes over to it; a file with a mistake changes nothing. Never rejects. */
  reload(cause: 'file' | 'signal' | 'http'): Promise<ReloadOutcome>;
  /** What became of the last one. */
  readonly last: ReloadOutcome | undefined;
  stop(): void;
}

/** Milliseconds for what is in flight on the routes that change. */
const DRAIN = 8_000;
/** Milliseconds between looks at the file. By polling: it works on every file system, and for files that are replaced. */
const POLL = 500;

/** Keeps a running bridge at what its mapping file says, from the first change of the file on. */
export function createReloader(
  source: MappingSource,
  running: Reloadable,
  started: Config,
  log: Log,
): Reloader {
  const { file } = source;
  let last: ReloadOutcome | undefined;
  let queued: Promise<ReloadOutcome> | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const reload = async (cause: string): Promise<ReloadOutcome> => {
    queued = undefined;
    last = await attempt(source, running, started, log);
    tell(last, file, cause, log);
    return last;
  };

  const reloader: Reloader = {
    // Who asks while another one waits for its turn gets that one's outcome: it will read the same file.
    reload(cause) {
      queued ??= turn.then(() => reload(cause));
      turn = queued;
      return queued;
    },
    get last() {
      return last;
    },
    stop: () => unwatchFile(file, onStat),
  };
  let settling: NodeJS.Timeout | undefined;
  const onStat = () => {
    // An editor may write in several steps.
    clearTimeout(settling);
    settling = setTimeout(() => void reloader.reload('file'), POLL).unref();
  };
  watchFile(file, { interval: POLL, persistent: false }, onStat);
  return reloader;
}

async function attempt(
  { file, env }: MappingSource,
  { bridge, rooms }: Reloadable,
  started: Config,
  log: Log,
): Promise<ReloadOutcome> {
  const at = new Date().toISOString();
  const refused = (problems: readonly string[]): ReloadOutcome => ({ ok: false, at, problems });
  try {
    const loaded = await loadConfig(file, env);
    if (!loaded.ok) return refused(loaded.diagnostics.map(line));
    for (const warning of loaded.warnings) log.warn('mapping.warning', { text: line(warning) });
    const changes = await bridge.reload(loaded.config, DRAIN);
    await rooms.update({ ...loaded.config, http: started.http });
    const differs = (key: 'http' | 'standby') =>
      fingerprint(loaded.config[key]) !== fingerprint(started[key]);
    const late = (['http', 'standby'] as const).filter(differs);
    return { ok: true, at, changes, notes: late.map((key) => `"${key}" takes effect at the next start`) };
  } catch (error) {
    return refused([asBridgeError(error, 'configuration-invalid').message]);
  }
}

const line = (diagnostic: Diagnostic) => formatDiagnostic(diagnostic);

function tell(outcome: ReloadOutcome, mapping: string, cause: string, log: Log): void {
  if (!outcome.ok) {
    log.error('mapping.refused', { mapping, cause, problems: outcome.problems.length });
    for (const text of outcome.problems) log.error('mapping.problem', { text });
    return;
  }
  const { unchanged, changed, added, removed, left } = outcome.changes;
  log.info('mapping.reloaded', {
    mapping,
    cause,
    unchanged: unchanged.length,
    changed: changed.join(', '),
    added: added.join(', '),
    removed: removed.join(', '),
  });
  const kept = left.map(
    (what) => `nobody reads ${what} any more; it goes on collecting until it is removed there`,
  );
  for (const text of [...kept, ...outcome.notes]) log.warn('mapping.note', { text });
}

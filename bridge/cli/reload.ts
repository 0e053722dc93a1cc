import { unwatchFile, watchFile } from 'node:fs';
import type { Bridge } from '../bridge.js';
import type { Config } from '../config/config.js';
import { fingerprint } from '../config/fingerprint.js';
import { type Diagnostic, formatDiagnostic, type LoadResult, loadConfig } from '../config/load.js';
import { asBridgeError } from '../errors.js';
import type { HttpServer } from '../http/server.js';
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
  /** Absent as long as HTTP is starting. */
  readonly http?: Pick<HttpServer, 'update'> | undefined;
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
/**
 * Milliseconds between looks at the files. By polling: it works on every file system, and for files that are replaced, also by
 * another target of a symbolic link in their path (as Kubernetes mounts secrets).
 */
const POLL = 500;

/** Keeps a running bridge at what its mapping file says, from the first change of the file on, or of one that it names. */
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
  /** Other files that the rules in force came from. */
  let named = started.files;

  const reload = async (cause: string): Promise<ReloadOutcome> => {
    queued = undefined;
    const loaded = await load(source);
    if (loaded.ok) named = loaded.config.files;
    // What is wrong may be another file than that of the rules; its next change is what to wait for.
    watch.follow([file, ...named, ...(loaded.ok ? [] : loaded.files)]);
    last = await attempt(loaded, running, started, log);
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
    stop: () => watch.end(),
  };
  const watch = new Watch(() => void reloader.reload('file'));
  watch.follow([file, ...started.files]);
  return reloader;
}

/** Looks at files for as long as they are followed. */
class Watch {
  readonly #onChange: () => void;
  #followed: ReadonlySet<string> = new Set();
  #settling: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** From now on just these. */
  follow(files: readonly string[]): void {
    const next = new Set(this.#ended ? [] : files);
    for (const file of this.#followed) if (!next.has(file)) unwatchFile(file, this.#onStat);
    for (const file of next)
      if (!this.#followed.has(file)) watchFile(file, { interval: POLL, persistent: false }, this.#onStat);
    this.#followed = next;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#settling);
    this.follow([]);
  }

  readonly #onStat = () => {
    // An editor may write in several steps, and a certificate comes with its key.
    clearTimeout(this.#settling);
    this.#settling = setTimeout(this.#onChange, POLL).unref();
  };
}

async function load({ file, env }: MappingSource): Promise<LoadResult> {
  try {
    return await loadConfig(file, env);
  } catch (error) {
    const { message } = asBridgeError(error, 'configuration-invalid');
    const diagnostics = [{ file, line: 1, column: 1, severity: 'error' as const, message }];
    return { ok: false, diagnostics, files: [], text: '' };
  }
}

async function attempt(
  loaded: LoadResult,
  { bridge, rooms, http }: Reloadable,
  started: Config,
  log: Log,
): Promise<ReloadOutcome> {
  const at = new Date().toISOString();
  const refused = (problems: readonly string[]): ReloadOutcome => ({ ok: false, at, problems });
  try {
    if (!loaded.ok) return refused(loaded.diagnostics.map(line));
    for (const warning of loaded.warnings) log.warn('mapping.warning', { text: line(warning) });
    const changes = await bridge.reload(loaded.config, DRAIN);
    await rooms.update({ ...loaded.config, http: started.http });
    const isWholly = http?.update(loaded.config.http) ?? true;
    const notes = isWholly
      ? []
      : ['of "http" only admin.token and the files of tls take effect at once, the rest at the next start'];
    for (const part of ['standby', 'tracing'] as const)
      if (fingerprint(loaded.config[part]) !== fingerprint(started[part]))
        notes.push(`"${part}" takes effect at the next start`);
    return { ok: true, at, changes, notes };
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

import type { Log } from '../observability/log.js';
import { type Context, EXIT, type ExitCode, stopped } from './context.js';
import { loadMapping } from './mapping.js';
import { serve } from './serve.js';

/**
 * Milliseconds for what is in flight to be confirmed and settled. With a broker that is silent, closing the lanes, the source
 * and HTTP takes 3.5 s more, and container engines kill after 10 s.
 */
const DRAIN = 6000;

/**
 * Runs the bridge until the process is asked to end, then drains it. A broker that is down does not end it; SIGHUP makes it read
 * its mapping file again.
 */
export async function run(file: string, log: Log, context: Context): Promise<ExitCode> {
  const config = await loadMapping(file, context.env, context.complain);
  const serving = await serve(config, { file, env: context.env }, log);
  context.onHangup(() => void serving.reload('signal'));
  log.info('bridge.started', { mapping: file, routes: config.routes.length, httpPort: serving.httpPort });
  const signal = await stopped(context.stop);
  log.info('bridge.stopping', { signal, deadlineMs: DRAIN });
  await serving.stop(DRAIN);
  log.info('bridge.stopped');
  return EXIT.done;
}

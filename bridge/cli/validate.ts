import { formatDiagnostic, loadConfig } from '../config/load.js';
import { type Context, EXIT, type ExitCode } from './context.js';

/** Prints every problem of a mapping file, warnings too; only errors make it fail. */
export async function validate(file: string, context: Context): Promise<ExitCode> {
  const result = await loadConfig(file, context.env);
  for (const diagnostic of result.ok ? result.warnings : result.diagnostics) {
    context.say(formatDiagnostic(diagnostic));
  }
  if (!result.ok) return EXIT.wrongUse;
  const count = result.config.routes.length;
  context.say(`${file}: valid, ${count} ${count === 1 ? 'route' : 'routes'}`);
  return EXIT.done;
}

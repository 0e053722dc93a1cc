import { type Diagnostic, formatDiagnostics, type LoadResult, loadConfig } from '../config/load.js';
import { type Context, EXIT, type ExitCode } from './context.js';

export interface ValidateOptions {
  /** `json`: one document for machines. */
  readonly format: 'text' | 'json';
}

/** Prints every problem of a mapping file, warnings too; only errors make it fail. */
export async function validate(file: string, options: ValidateOptions, context: Context): Promise<ExitCode> {
  const result = await loadConfig(file, context.env);
  if (options.format === 'json') context.say(asJson(file, result));
  else for (const lines of asText(file, result)) context.say(lines);
  return result.ok ? EXIT.done : EXIT.wrongUse;
}

function asText(file: string, result: LoadResult): string[] {
  const diagnostics = diagnosticsOf(result);
  const found = [count(diagnostics, 'error'), count(diagnostics, 'warning')].filter((text) => text !== '');
  const verdict = result.ok
    ? ['valid', plural(result.config.routes.length, 'route'), ...found].join(', ')
    : `not valid: ${found.join(', ')}`;
  return [...formatDiagnostics(diagnostics, result.text), `${file}: ${verdict}`];
}

/** A contract: keys may be added, none changes its meaning. */
function asJson(file: string, result: LoadResult): string {
  const report = {
    file,
    valid: result.ok,
    // Of a file that is not valid nobody can tell.
    routes: result.ok ? result.config.routes.length : 0,
    diagnostics: diagnosticsOf(result),
  };
  return JSON.stringify(report, null, 2);
}

const diagnosticsOf = (result: LoadResult) => (result.ok ? result.warnings : result.diagnostics);

function count(diagnostics: readonly Diagnostic[], severity: Diagnostic['severity']): string {
  const found = diagnostics.filter((one) => one.severity === severity).length;
  return found === 0 ? '' : plural(found, severity);
}

const plural = (found: number, what: string) => `${found} ${what}${found === 1 ? '' : 's'}`;

import type { Config } from '../config/config.js';
import { formatDiagnostic, loadConfig } from '../config/load.js';
import { BridgeError } from '../errors.js';

/**
 * The typed mapping file, its warnings told to `complain`.
 * @throws BridgeError configuration-invalid, a diagnostic an entry of `details`
 */
export async function loadMapping(
  file: string,
  env: NodeJS.ProcessEnv,
  complain: (line: string) => void,
): Promise<Config> {
  const result = await loadConfig(file, env);
  if (result.ok) {
    for (const warning of result.warnings) complain(formatDiagnostic(warning));
    return result.config;
  }
  for (const diagnostic of result.diagnostics) complain(formatDiagnostic(diagnostic));
  throw new BridgeError('configuration-invalid', `${file} is not a valid mapping file; nothing was started`);
}

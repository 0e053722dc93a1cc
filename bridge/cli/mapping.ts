import type { Config } from '../config/config.js';
import { formatDiagnostics, loadConfig } from '../config/load.js';
import { BridgeError } from '../errors.js';

/**
 * The typed mapping file, its warnings told to `complain`.
 * @throws BridgeError configuration-invalid, after every problem was told to `complain`
 */
export async function loadMapping(
  file: string,
  env: NodeJS.ProcessEnv,
  complain: (line: string) => void,
): Promise<Config> {
  const result = await loadConfig(file, env);
  const diagnostics = result.ok ? result.warnings : result.diagnostics;
  for (const lines of formatDiagnostics(diagnostics, result.text)) complain(lines);
  if (result.ok) return result.config;
  throw new BridgeError('configuration-invalid', `${file} is not a valid mapping file; nothing was started`);
}

import { closeSync, openSync } from 'node:fs';

/**
 * SIGHUP says two things: a closed terminal sends it, and an operator who wants a service to read its files again. A process
 * that never had a terminal, or still has it, was asked by an operator.
 */
export function terminalIsGone(hadTerminal: boolean): boolean {
  if (!hadTerminal) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

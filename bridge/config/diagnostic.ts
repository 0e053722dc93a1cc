/** One problem of a mapping file, at its place. */
export interface Diagnostic {
  /** As the user named it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  readonly severity: 'error' | 'warning';
  /** What is wrong and what would be right; holds no value that came from the environment or another file. */
  readonly message: string;
}

/** What stands after `password:` and before the `@` of a URL: a terminal or a log is no place for it. */
const HIDDEN = [
  /(?<=\bpassword["']?\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}#][^,}#]*)/g,
  /(?<=:\/\/)[^\s/@"']+(?=@)/g,
];

/**
 * `FILE:LINE:COLUMN: error: message`; with the file's text also the line itself and a mark under the place.
 * Passwords in the line are shown as stars.
 */
export function formatDiagnostic(diagnostic: Diagnostic, sourceText?: string): string {
  const { file, line, column, severity, message } = diagnostic;
  const head = `${file}:${line}:${column}: ${severity}: ${message}`;
  const source = sourceText?.split(/\r\n|\n|\r/)[line - 1];
  if (source === undefined || source.trim() === '') return head;
  const shown = HIDDEN.reduce(
    (text, hidden) => text.replace(hidden, (found) => '*'.repeat(found.length)),
    source,
  );
  // Tabs stay tabs, so that the mark stands under its place whatever the width of a tab.
  const indent = source.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return `${head}\n  ${shown}\n  ${indent}^`;
}

/** In the order of the file, each problem once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const unique = new Map(diagnostics.map((one) => [`${one.line}:${one.column}:${one.message}`, one]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What `npm audit --json` comes to. */
export interface Verdict {
  readonly kind: 'clean' | 'vulnerable' | 'unknown';
  readonly lines: readonly string[];
}

interface Report {
  readonly error?: { readonly summary?: string; readonly code?: string };
  readonly message?: string;
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly severity: string; readonly range: string; readonly isDirect: boolean }>
  >;
}

/** Milliseconds for the registry to answer. */
const TIMEOUT = 60_000;

/**
 * Reads the answer. `unknown` where the registry gave none: mirrors often have no audit, and that is nothing that a change of ours could
 * mend.
 */
export function verdict(printed: string): Verdict {
  const report = parse(printed);
  const total = report?.metadata?.vulnerabilities?.total;
  if (total === undefined) {
    const why = report?.error?.summary || report?.message || 'no report';
    return {
      kind: 'unknown',
      lines: [`NOT CHECKED: the registry does not answer npm audit (${why.split('\n')[0]})`],
    };
  }
  if (total === 0) return { kind: 'clean', lines: ['no known vulnerability in any package'] };
  const found = Object.entries(report?.vulnerabilities ?? {});
  return {
    kind: 'vulnerable',
    lines: [
      `${total} known vulnerabilities; \`npm audit\` tells more:`,
      ...found.map(([name, { severity, range }]) => `  ${name} ${range}: ${severity}`),
    ],
  };
}

function parse(text: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Report) : undefined;
  } catch {
    return undefined;
  }
}

/** For CI: fails for a package with a known vulnerability, and says so when nobody could tell. */
function main(): void {
  const { stdout, error } = spawnSync('npm', ['audit', '--json', '--audit-level=low'], {
    encoding: 'utf8',
    timeout: TIMEOUT,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { kind, lines } = verdict(stdout || JSON.stringify({ message: error?.message }));
  for (const line of lines) console.log(`audit: ${line}`);
  process.exitCode = kind === 'vulnerable' ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();

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

/** Columns of a terminal that the line of a problem may take; more of it is cut off around the place. */
const WIDEST = 110;
/** Columns that stay in front of the place when the line is cut. */
const BEFORE = 60;

/** What would move a terminal's cursor or turn its text around; a tab is dealt with apart. */
const UNPRINTABLE = /(?!\t)[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * `FILE:LINE:COLUMN: error: message`; with the file's text (without its secrets: `LoadResult.text`) also the line itself
 * and a mark under the place.
 */
export function formatDiagnostic(diagnostic: Diagnostic, text = ''): string {
  return formatDiagnostics([diagnostic], text)[0] ?? '';
}

/** Each as `formatDiagnostic` writes it. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], text: string): string[] {
  const lines = diagnostics.length === 0 ? [] : text.split(/\r?\n/);
  return diagnostics.map(({ file, line, column, severity, message }) => {
    const head = `${file}:${line}:${column}: ${severity}: ${message}`.replace(UNPRINTABLE, escaped);
    const source = lines[line - 1] ?? '';
    return source.trim() === '' ? head : `${head}\n${marked(source, column - 1)}`;
  });
}

const escaped = (char: string) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;

interface Cell {
  readonly text: string;
  readonly width: number;
}

/** A line may be a whole file: more characters than these are not looked at on either side of the place. */
const MOST_CHARACTERS = 1000;

/** The line, cut around the place if it is long, and a mark under it. */
function marked(source: string, place: number): string {
  const before = cells(source.slice(Math.max(0, place - MOST_CHARACTERS), place));
  const after = cells(source.slice(place, place + MOST_CHARACTERS));
  const shownBefore =
    width(before) + width(after) > WIDEST ? cut(before.toReversed(), BEFORE).toReversed() : before;
  const shownAfter = cut(after, WIDEST - width(shownBefore));
  // A wide blank under a wide character keeps the mark in its place, as a tab does under a tab.
  const indent = shownBefore.map(({ text, width: columns }) => (text === '\t' ? text : ' '.repeat(columns)));
  const line = [...shownBefore, ...shownAfter].map(({ text }) => text).join('');
  return `  ${line.trimEnd()}\n  ${indent.join('')}^`;
}

const width = (line: readonly Cell[]) => line.reduce((sum, cell) => sum + cell.width, 0);

const ELLIPSIS: Cell = { text: '…', width: 1 };

/** As much from the start as fits into `limit` columns; what is left out shows as `…`. */
function cut(line: readonly Cell[], limit: number): Cell[] {
  if (width(line) <= limit) return [...line];
  const kept: Cell[] = [];
  let columns = ELLIPSIS.width;
  for (const cell of line) {
    columns += cell.width;
    if (columns > limit) break;
    kept.push(cell);
  }
  return [...kept, ELLIPSIS];
}

/** What a terminal shows as two columns: East Asian wide and fullwidth characters (UAX #11), and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\ufe0f|\p{Emoji_Presentation}/u;
const NO_WIDTH = /^[\p{M}\p{Cf}]+$/u;
/** Of a tab nobody knows the width; this only bounds how much of a line is shown. */
const TAB_WIDTH = 4;

const SEGMENTER = new Intl.Segmenter('en');

/** The characters as people count them, made harmless to a terminal. */
function cells(text: string): Cell[] {
  return [...SEGMENTER.segment(text)].map(({ segment }) => {
    if (segment === '\t') return { text: segment, width: TAB_WIDTH };
    const harmless = segment.replace(UNPRINTABLE, '\ufffd');
    return { text: harmless, width: NO_WIDTH.test(harmless) ? 0 : WIDE.test(harmless) ? 2 : 1 };
  });
}

/** In the order of the file, each problem once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const unique = new Map(diagnostics.map((one) => [`${one.line}:${one.column}:${one.message}`, one]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

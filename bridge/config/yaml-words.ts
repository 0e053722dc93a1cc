import { type Document, isCollection, isScalar, visit, type YAMLError } from 'yaml';

/** A problem that the YAML parser found, in words for people who do not know its grammar. */
export interface YamlProblem {
  readonly offset: number;
  readonly message: string;
}

/**
 * What is wrong with a text as YAML. One mistake makes a parser stumble several times: of each line only the first is told,
 * and nothing more once it has lost its way. `text` is the one without secrets, of the same length: messages quote it.
 */
export function yamlProblems(document: Document, text: string): YamlProblem[] {
  const problems: YamlProblem[] = [];
  let lineEnd = -1;
  for (const error of [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])) {
    const lost = / token in YAML stream/.test(error.message);
    if (lost && problems.length > 0) break;
    const problem = inWords(error, document, text);
    if (problem.offset <= lineEnd) continue;
    problems.push(problem);
    const end = text.indexOf('\n', problem.offset);
    lineEnd = end === -1 ? text.length : end;
    if (lost) break;
  }
  return problems;
}

function inWords(error: YAMLError, document: Document, text: string): YamlProblem {
  const [offset] = error.pos;
  for (const [pattern, words] of WORDS) {
    const match = pattern.exec(error.message);
    if (match !== null) return { offset, message: words(text, offset, match) };
  }
  const quote = /^Missing closing (["'])quote$/.exec(error.message)?.[1];
  if (quote !== undefined)
    return {
      offset: startOfText(document, offset) ?? offset,
      message: `this text has no closing ${quote}`,
    };
  const bracket = /^Flow (?:map|sequence) .*end with a (.)$/.exec(error.message)?.[1];
  if (bracket !== undefined) return unclosed(document, text, offset, bracket);
  return { offset, message: /: |"/.test(error.message) ? 'this cannot be read as YAML' : error.message };
}

function unclosed(document: Document, text: string, offset: number, bracket: string): YamlProblem {
  const start = startOfCollection(document, text, offset, bracket);
  const where =
    start === undefined || text.slice(start, offset).trimEnd().includes('\n')
      ? ', or this line is not indented deeper than the key in front of it'
      : '';
  return {
    offset: start ?? offset,
    message: `this ${bracket === '}' ? '{' : '['} is not closed: "${bracket}" is missing${where}`,
  };
}

type Words = (text: string, offset: number, match: RegExpExecArray) => string;

const LOST =
  'this belongs to nothing before it: is a bracket or a brace closed too early, or this line indented less than the first ones?';

const NEEDS_QUOTES = 'put the whole text in quotes';

const WORDS: readonly (readonly [RegExp, Words])[] = [
  [
    /^Source contains multiple documents/,
    () => 'a mapping file is one YAML document; leave out what follows',
  ],
  [
    /^Unexpected flow-map-start at node end$/,
    (text, offset) =>
      `between { and }, text that has braces of its own needs quotes: ${inQuotes(valueAround(text, offset))}`,
  ],
  [/^Unexpected \S+ at node end$/, (text, offset) => afterwards(text.slice(0, offset))],
  [/^Unexpected \S+ token in YAML stream/, () => LOST],
  [
    /^Unresolved tag: /,
    (text, offset) =>
      `text that begins with "!" needs quotes: ${inQuotes(restOfValue(text, offset))}; as a YAML tag it means nothing here`,
  ],
  [
    /^Plain value cannot start with .*(\S)$/,
    (text, offset, [, char = '']) =>
      `text that begins with ${char} needs quotes: ${inQuotes(restOfValue(text, offset))}`,
  ],
  [
    /^Nested mappings are not allowed in compact mappings$/,
    () => `": " makes a key of what stands before it; ${NEEDS_QUOTES} if it is one, else begin a new line`,
  ],
  [
    /^Implicit map keys need to be followed by map values$/,
    () => 'this is a key without a value: write "key: value", with a blank after the colon',
  ],
  [
    /^Implicit keys need to be on a single line$/,
    () => 'this is neither "key: value" nor a text of one line: is a blank missing after a colon?',
  ],
  [/^Missing space after : in flow map$/, () => 'a blank is missing after this colon'],
  [
    /^Tabs are not allowed as indentation$/,
    () => 'a tab cannot indent a line; use blanks, as many as for its neighbours',
  ],
  [
    /^All (?:mapping items|sequence items) must start at the same column$/,
    () => 'this line is indented differently from the ones that it belongs to',
  ],
  [
    /^Block scalar header includes extra characters/,
    () => `text that begins with | or > needs quotes, or its lines begin below this one; ${NEEDS_QUOTES}`,
  ],
  [
    /^Block collections are not allowed within flow collections$/,
    (text, offset) => {
      const quote = /^["']/.exec(text.slice(offset))?.[0];
      if (quote === undefined)
        return 'a line break and indentation mean nothing between braces; put a comma, or close them';
      return `the next ${quote} ends this text; put a text that holds ${quote} into the other quotes: ${quote === '"' ? "'…'" : '"…"'}`;
    },
  ],
  [
    /^Missing , (?:or : )?between flow (map|sequence) items$/,
    (_text, _offset, [, what]) => `a comma is missing before this ${what === 'map' ? 'key' : 'entry'}`,
  ],
  [
    /^Invalid escape sequence (\\.)/,
    (_text, _offset, [, sequence = '']) =>
      `${sequence} means nothing in "…"; write \\\\ for a backslash, or use '…', which has no escapes`,
  ],
];

/** Where the quoted text begins that goes on at `offset`. */
function startOfText(document: Document, offset: number): number | undefined {
  let start: number | undefined;
  visit(document, {
    Scalar: (_key, node) => {
      const [from, to] = isScalar(node) && node.range ? node.range : [0, -1];
      if (from < offset && offset <= to + 1) start = from;
    },
  });
  return start;
}

/** Where the innermost bracket stands that nothing closes before `offset`. */
function startOfCollection(
  document: Document,
  text: string,
  offset: number,
  bracket: string,
): number | undefined {
  let start: number | undefined;
  visit(document, {
    Collection: (_key, node) => {
      if (!isCollection(node) || node.flow !== true || !node.range) return;
      const [from, to] = node.range;
      if (from < offset && to <= offset + 1 && text[to - 1] !== bracket) start = from;
    },
  });
  return start;
}

/** What a person meant as one text, around the first brace in it: from the last separator to the next behind its braces. */
function valueAround(text: string, offset: number): string {
  const before = text.slice(Math.max(0, offset - 200), offset);
  const separator = [...before.matchAll(/\n|:\s+|[{[]\s*|,\s+/g)].at(-1);
  const start = separator === undefined ? 0 : separator.index + separator[0].length;
  const after = /^(?:\{[^{}\n]*\}|[^,{}\]\n])*/.exec(text.slice(offset, offset + 200))?.[0] ?? '';
  return `${before.slice(start)}${after}`.trim();
}

/** From `offset` to the end of a value in this line, as far as that can be told. */
function restOfValue(text: string, offset: number): string {
  return (/^[^\n]*?(?=\s*(?:\n|$| #|, | \}))/.exec(text.slice(offset, offset + 200))?.[0] ?? '').trim();
}

function inQuotes(text: string): string {
  return text.includes('"') && !text.includes("'") ? `'${text}'` : JSON.stringify(text);
}

/** What stands in the same line before what is too much tells what happened. */
function afterwards(before: string): string {
  const line = before.slice(before.lastIndexOf('\n') + 1).trimEnd();
  if (/[}\]]$/.test(line))
    return 'a comma is missing before this, or the bracket in front of it closes too early';
  const quote = /(["'])$/.exec(line)?.[1];
  if (quote === undefined) return LOST;
  return `this text goes on behind its closing quote; put all of it in one pair of quotes, of the other kind: ${quote === '"' ? "'…'" : '"…"'}`;
}

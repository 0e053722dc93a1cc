import type { BrokerType } from '../connectors/connector.js';
import type { Ends } from './ends.js';
import { type Node, nodeAt, type Report } from './source.js';

/**
 * Mistakes in JMS selectors that both brokers refuse or take for something else (seen with the parsers of Classic 6.1.8 and
 * Artemis 2.40.0). A selector looks like `where` and is another language: SQL, not CEL.
 */
const MISTAKES: readonly (readonly [RegExp, 'error' | 'warning', (found: string) => string])[] = [
  [/==/, 'error', () => 'a selector compares with =, not =='],
  [/!=/, 'error', () => 'a selector says <> for "not equal", not !='],
  [/&&/, 'error', () => 'a selector says AND, not &&'],
  [/\|\|/, 'error', () => 'a selector says OR, not ||'],
  [/!(?!=)/, 'error', () => 'a selector says NOT, not !'],
  [
    /\b(?:properties|body|message)\.\w+/,
    'error',
    (found) =>
      found.startsWith('properties.')
        ? `a selector names a property without "properties.": ${found.slice('properties.'.length)}`
        : `a selector sees properties and JMS headers only, not ${found}; "where" can look at it`,
  ],
  [/\b[A-Za-z_]\w*(?:\.\w+)+/, 'error', (found) => `a selector takes no name with a dot in it: ${found}`],
  [
    /\b[A-Za-z_]\w*-[A-Za-z_]\w*/,
    'warning',
    (found) => `in a selector ${found} is ${found.replace('-', ' minus ')}, no property of that name`,
  ],
  [/\b(?:AND|OR|NOT)\s*$/i, 'error', (found) => `nothing follows ${found.trim()}`],
];

/** Finds what is surely wrong with a selector; what is left the broker judges. */
export function checkSelectors(routes: readonly Ends[], root: Node, report: Report): void {
  for (const { route, from } of routes) {
    const selector = from?.end.selector;
    const node = nodeAt(root, ['routes', route, 'from', 'selector']);
    if (from === undefined || selector === undefined || node === undefined) continue;
    const problem = problemOf(selector, from.type);
    if (problem !== undefined)
      report.at(node, problem.message, { severity: problem.severity, within: problem.offset, quotes: true });
  }
}

interface Problem {
  readonly offset: number;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

const error = (offset: number, message: string): Problem => ({ offset, severity: 'error', message });

const blanks = (text: string) => ' '.repeat(text.length);

function problemOf(selector: string, type: BrokerType): Problem | undefined {
  // Nothing in a text is looked at; '' is a quote in it.
  const plain = selector.replace(/'(?:[^']|'')*'/g, blanks);
  const open = plain.indexOf("'");
  if (open !== -1)
    return error(open, "this text has no closing '; a quote inside a text is written twice: 'it''s'");
  const bare = plain.replace(/"[^"]*"?/g, blanks);
  const quoted = doubleQuotes(plain, type);
  if (quoted !== undefined) return quoted;
  for (const [pattern, severity, words] of MISTAKES) {
    const found = pattern.exec(bare);
    if (found !== null) return { offset: found.index, severity, message: words(found[0]) };
  }
  const unmatched = unmatchedParenthesis(bare);
  return unmatched === undefined ? undefined : error(unmatched, 'this parenthesis has no partner');
}

/** Classic refuses them, for Artemis they make a name of what stands in them. */
function doubleQuotes(plain: string, type: BrokerType): Problem | undefined {
  const text = /(?:=|<>|\bLIKE\b|\bIN\s*\()\s*"([^"]*)/i.exec(plain);
  const at = text === null ? plain.indexOf('"') : plain.indexOf('"', text.index);
  if (text !== null)
    return error(
      at,
      `text in a selector stands in single quotes: '${text[1]}'; "…" would be the name of a property`,
    );
  return type === 'activemq' && at !== -1
    ? error(at, 'ActiveMQ Classic takes no double quotes in a selector')
    : undefined;
}

function unmatchedParenthesis(text: string): number | undefined {
  const open: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') open.push(at);
    else if (text[at] === ')' && open.pop() === undefined) return at;
  }
  return open.at(-1);
}

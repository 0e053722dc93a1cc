/**
 * The CEL library's messages in words for people who know JavaScript, SQL or Python better than CEL. `text` is the
 * expression, `offset` the character in it where the mistake is.
 */
export function inWords(message: string, text: string, offset: number): string {
  if (/^(?:Unexpected|Expected) /.test(message)) {
    for (const [pattern, words] of SLIPS) {
      pattern.lastIndex = offset;
      const slip = pattern.exec(text);
      if (slip !== null) return words(slip[0]);
    }
    const name = /\{\s*([A-Za-z_][\w.]*)\s*\}/.exec(text)?.[1];
    if (name !== undefined) return `in an expression names stand without braces: ${name}`;
  }
  for (const [pattern, words] of MESSAGES) {
    const match = pattern.exec(message);
    if (match !== null) return words(match, text.slice(offset));
  }
  return message;
}

/** What is written otherwise in other languages. */
const SLIPS: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/and\b/iy, (found) => `"${found}" is written && here`],
  [/or\b/iy, (found) => `"${found}" is written || here`],
  [/(?<=\bnot\s+)(?=\S)/iy, () => '"not" is written ! here'],
  [/is\b/iy, (found) => `"${found}" is written == here; has(body.x) tells whether a field is there`],
  [
    /like\b/iy,
    () => '"like" is written x.contains("…"), x.startsWith("…"), x.endsWith("…") or x.matches("…") here',
  ],
  [/=?~/y, (found) => `"${found}" is written x.matches("…") here`],
  [/(?<=<)>/y, () => '"<>" is written != here'],
  [/(?<==)=(?!=)/y, () => '"===" is written == here'],
  [/=(?!=)/y, () => '"=" is written == here'],
  [/[`“”„‘’]/uy, () => 'text stands in straight quotes here: "…" or \'…\''],
];

const TOKENS: Readonly<Record<string, string>> = {
  EOF: 'the end',
  COLON: '":"',
  COMMA: '","',
  DOT: '"."',
  RPAREN: '")"',
  LPAREN: '"("',
  RBRACKET: '"]"',
  LBRACKET: '"["',
  RBRACE: '"}"',
  LBRACE: '"{"',
  QUESTION: '"?"',
  IDENTIFIER: 'a name',
  STRING: 'text',
  NUMBER: 'a number',
  EQ: '"=="',
  NE: '"!="',
  LT: '"<"',
  LE: '"<="',
  GT: '">"',
  GE: '">="',
  AND: '"&&"',
  OR: '"||"',
  NOT: '"!"',
  PLUS: '"+"',
  MINUS: '"-"',
  MULTIPLY: '"*"',
  DIVIDE: '"/"',
  MODULO: '"%"',
  IN: '"in"',
};

const token = (name = '') => TOKENS[name] ?? name.toLowerCase();

/** A type as the library names it, for people. */
const type = (name = '') => name.replace(/dyn<(\w+)>/g, '$1').replace(/^dyn$/, 'a value');

type Words = (match: RegExpExecArray, here: string) => string;

const MESSAGES: readonly (readonly [RegExp, Words])[] = [
  [/^Unexpected token: EOF$/, () => 'the expression ends too early'],
  [/^Unexpected token: (\w+)$/, ([, found]) => `${token(found)} cannot stand here`],
  [/^Unexpected character: '?[)\]}]/, (_match, here) => `this ${here.charAt(0)} closes nothing`],
  [
    /^Unexpected character: /,
    (_match, here) => {
      const found = /^(?:\w+|.)/su.exec(here)?.[0] ?? 'this';
      return /^[\w"']/.test(found)
        ? `an operator such as && or == is missing before ${found}`
        : `${found} cannot stand in an expression`;
    },
  ],
  [/^Expected (\w+), got EOF$/, ([, wanted]) => `${token(wanted)} is missing at the end`],
  [
    /^Expected (\w+), got (\w+)$/,
    ([, wanted, found]) => `${token(wanted)} has to stand here, not ${token(found)}`,
  ],
  [/^Unterminated (?:triple-quoted )?string$/, () => 'this text has no closing quote'],
  [
    /^Reserved identifier: if$/,
    () => 'there is no "if" here; a condition is written: condition ? one : other',
  ],
  [/^Reserved identifier: (\w+)$/, ([, name]) => `"${name}" is a word that CEL keeps for itself`],
  [
    /^no such overload: ([!-])(\S+)$/,
    ([, operator, found]) =>
      `${operator} takes ${operator === '!' ? 'true or false' : 'a number'}, not ${type(found)}`,
  ],
  [
    /^no such overload: (.+) (\S+) (.+)$/,
    ([, left, operator, right]) =>
      `there is no ${type(left)} ${operator} ${type(right)}; string(…), int(…) and double(…) convert`,
  ],
  [
    /^found no matching overload for '(\w+)\((.*)\)'$/,
    ([, name = '', found = '']) => functionWords(name, found),
  ],
  [
    /^found no matching overload for '([\w<>, ]+)\.(\w+)\((.*)\)'$/,
    ([, of = '', name = '', found = '']) => methodWords(of, name, found),
  ],
  [
    /^Logical operator requires bool operands, got '(.+)'$/,
    ([, found]) => `&& and || take true or false, not ${type(found)}; compare it with something`,
  ],
  [
    /^has\(\) invalid argument$/,
    () => 'has(…) takes a field: has(body.text); body and captures are always there',
  ],
  [/^Exceeded max\w+ .*$/, () => 'the expression is longer or nested deeper than is taken here'],
];

/** What people look for in texts and lists, besides what operators do. */
const METHODS: readonly string[] = [
  'contains',
  'startsWith',
  'endsWith',
  'matches',
  'size',
  'lowerAscii',
  'upperAscii',
  'trim',
  'substring',
  'indexOf',
  'split',
  'join',
  'exists',
  'all',
];

/** The same in other languages, in small letters. */
const ALIASES: Readonly<Record<string, string>> = {
  len: 'size',
  length: 'size',
  count: 'size',
  lower: 'lowerAscii',
  tolower: 'lowerAscii',
  tolowercase: 'lowerAscii',
  upper: 'upperAscii',
  toupper: 'upperAscii',
  touppercase: 'upperAscii',
  includes: 'contains',
  match: 'matches',
  test: 'matches',
  regex: 'matches',
  startwith: 'startsWith',
  endwith: 'endsWith',
  substr: 'substring',
  some: 'exists',
  any: 'exists',
  every: 'all',
};

function meant(name: string): string | undefined {
  const small = name.toLowerCase();
  return (
    METHODS.find((known) => known.toLowerCase() === small) ??
    (Object.hasOwn(ALIASES, small) ? ALIASES[small] : undefined)
  );
}

function functionWords(name: string, found: string): string {
  const known = meant(name);
  if (known === undefined)
    return `there is no ${name}(…); ${METHODS.join(', ')} are there, behind a value: x.size()`;
  if (name === 'size') return `size takes text or a list, not ${type(found)}`;
  return `${name} is written behind the value: x.${known}(…)`;
}

function methodWords(of: string, name: string, found: string): string {
  const known = meant(name);
  if (known === undefined) return `there is no .${name}(…); there are ${METHODS.join(', ')}`;
  if (known !== name) return `.${name}(…) is written .${known}(…)`;
  return found === ''
    ? `.${name}() has to be given something, or does not go with ${type(of)}`
    : `${type(of)}.${name} does not take ${found.split(', ').map(type).join(', ')}; string(…), int(…) and double(…) convert`;
}

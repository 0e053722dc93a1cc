import { type ASTNode, Environment, EvaluationError, ParseError } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { BridgeError } from '../errors.js';
import { inWords } from './cel-words.js';

/** CEL, the expression language of `where` and of the holes in templates (github.com/google/cel-spec). */

/** What an expression can see of one message: the captures by name, `topic`, `body`, `properties` and `message`. */
export type Variables = ReadonlyMap<string, unknown>;

export interface Expression {
  /** As written in the mapping file. */
  readonly text: string;
  /**
   * The value for one message; undefined when a field that it asks for is not there.
   * @throws BridgeError `mapping-failed` when its operators do not take what they find
   */
  evaluate(variables: Variables): unknown;
}

/** A mistake in an expression; `offset` is the character in its text where it is. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/** More than a person writes in one line; what is deeper or longer is refused before it runs. */
const LIMITS = {
  maxAstNodes: 1_000,
  maxDepth: 50,
  maxListElements: 200,
  maxMapEntries: 200,
  maxCallArguments: 16,
};

/** JSON has one kind of number, CEL three that do not mix: without these `body.n + 1` would have no meaning. */
const MIXED_ARITHMETIC: readonly (readonly [string, (a: number, b: number) => number])[] = [
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
  ['*', (a, b) => a * b],
  ['/', (a, b) => a / b],
  ['%', (a, b) => a % b],
];

/** In place of `matches`: a regular expression of JavaScript can take for ever on a text that was made for it. */
const LINEAR_MATCH = 'matchesLinear';

function newEnvironment(options: { unlistedVariablesAreDyn: boolean }): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false, limits: LIMITS, ...options });
  for (const [operator, compute] of MIXED_ARITHMETIC)
    for (const [left, right] of [
      ['double', 'int'],
      ['int', 'double'],
      ...(operator === '%' ? [['double', 'double']] : []),
    ])
      environment.registerOperator(`${left} ${operator} ${right}`, (a: number | bigint, b: number | bigint) =>
        compute(Number(a), Number(b)),
      );
  return environment;
}

/** The linear match for one expression, with the patterns that it has compiled: usually one. */
function withLinearMatch(environment: Environment): Environment {
  const compiled = new Map<string, RE2JS>();
  return environment
    .clone()
    .registerFunction(`string.${LINEAR_MATCH}(string): bool`, (text: string, pattern: string) => {
      let known = compiled.get(pattern);
      if (known === undefined) {
        // A pattern that comes out of messages must not fill the memory.
        if (compiled.size >= 100) compiled.clear();
        known = RE2JS.compile(pattern);
        compiled.set(pattern, known);
      }
      return known.matcher(text).find();
    });
}

/** For evaluation: what is not there shows when it is asked for. */
const DYNAMIC = newEnvironment({ unlistedVariablesAreDyn: true });

/** For the check before anything runs: only what every message has. The captures of a route come on top. */
const DECLARED = newEnvironment({ unlistedVariablesAreDyn: false });

const ANY_MAP = 'map<string, dyn>';

const ALWAYS: Readonly<Record<string, string>> = {
  topic: 'string',
  body: 'dyn',
  properties: ANY_MAP,
  message: ANY_MAP,
};

/** What every expression and template can see, besides the captures. */
export const ALWAYS_KNOWN: readonly string[] = Object.keys(ALWAYS);

/** What asks for a field or an entry that is not there. */
const NOT_THERE: ReadonlySet<string> = new Set(['no_such_key', 'index_out_of_bounds']);

/** @throws ExpressionError */
export function parseExpression(text: string): Expression {
  const run = parse(text.includes('matches') ? withLinearMatch(DYNAMIC) : DYNAMIC, text);
  useLinearMatch(run.ast);
  return {
    text,
    evaluate(variables) {
      try {
        return fromCel(run(variables));
      } catch (error) {
        if (error instanceof BridgeError) throw error;
        if (error instanceof EvaluationError && NOT_THERE.has(error.code)) return undefined;
        throw new BridgeError(
          'mapping-failed',
          `${JSON.stringify(text)}: ${inWords(firstLine(error), text, 0)}`,
        );
      }
    },
  };
}

/** What no template and no `where` has a use for. */
const USELESS: ReadonlySet<string> = new Set(['bytes', 'uint', 'type', 'google.protobuf.Duration']);

/** What an expression can ask of `message`, where the message has it. */
export const MESSAGE_FIELDS: readonly string[] = [
  'id',
  'timestamp',
  'correlationId',
  'replyTo',
  'type',
  'group',
  'priority',
  'ttl',
  'persistent',
  'qos',
  'retained',
  'redelivered',
  'address',
];

/**
 * What the expression gives, as far as that can be told before any message comes: `bool`, `string`, `dyn`, …
 * `maps`: names besides the captures that stand for maps.
 * @throws ExpressionError for an unknown name, or operators that can never take what they get
 */
export function checkExpression(
  text: string,
  captures: Iterable<string>,
  maps: readonly string[] = [],
): string {
  const environment = DECLARED.clone();
  const names = new Set(captures);
  const taken = new Set<string>();
  for (const name of names) {
    try {
      environment.registerVariable(name, 'string');
    } catch {
      taken.add(name);
    }
  }
  for (const [name, type] of [...Object.entries(ALWAYS), ...maps.map((map) => [map, ANY_MAP] as const)])
    if (!names.has(name)) environment.registerVariable(name, type);
  const run = parse(environment, text);
  for (const { name, offset } of namesIn(run.ast))
    if (taken.has(name))
      throw new ExpressionError(
        `"${name}" means something else in CEL; give the capture another name`,
        offset,
      );
  if (!names.has('message'))
    for (const { name, offset } of fieldsOfMessage(run.ast))
      if (!MESSAGE_FIELDS.includes(name))
        throw new ExpressionError(`a message has no "${name}"; it has ${MESSAGE_FIELDS.join(', ')}`, offset);
  const { valid, type, error } = run.check();
  if (!valid) {
    const offset = error?.range?.start ?? 0;
    throw new ExpressionError(inWords(firstLine(error), text, offset), offset);
  }
  if (USELESS.has(String(type)))
    throw new ExpressionError(
      `this gives ${String(type).replace(/^.*\./, '').toLowerCase()}, which cannot be used here`,
      0,
    );
  return String(type);
}

/** One part of an expression, as written. */
export interface ExpressionPart {
  readonly text: string;
  /** Character of the whole where it begins. */
  readonly offset: number;
}

/**
 * The parts that all have to be true for the whole to be: `a && b` has two.
 * @throws ExpressionError
 */
export function conjunctsOf(text: string): ExpressionPart[] {
  return conjuncts(parse(DYNAMIC, text).ast).map((node) => partOf(text, node));
}

function conjuncts(node: ASTNode): ASTNode[] {
  return node.op === '&&' ? (node.args as [ASTNode, ASTNode]).flatMap(conjuncts) : [node];
}

/**
 * What the expression asks of a message, each once: `body.type`, `room`, `properties.kind`. Names that its macros bind are no
 * part of it.
 * @throws ExpressionError
 */
export function questionsOf(text: string, names: Iterable<string>): ExpressionPart[] {
  const known = new Set(names);
  const found = new Map<string, ExpressionPart>();
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const one of node) visit(one);
    if (!isNode(node)) return;
    if (isPathFrom(node, known)) {
      const part = partOf(text, node);
      found.set(part.text, found.get(part.text) ?? part);
    } else visit(node.args);
  };
  visit(parse(DYNAMIC, text).ast);
  return [...found.values()];
}

/**
 * Texts that a name has to be equal to for the expression to be true: `chat/lobby` of `topic == "chat/lobby" && …`.
 * @throws ExpressionError
 */
export function textsDemandedOf(text: string, name: string): ExpressionPart[] {
  return conjuncts(parse(DYNAMIC, text).ast).flatMap(({ op, args }) => {
    if (op !== '==') return [];
    const [left, right] = args as [ASTNode, ASTNode];
    const value = isName(left, name) ? right : isName(right, name) ? left : undefined;
    return value?.op === 'value' && typeof value.args === 'string'
      ? [{ text: value.args, offset: value.range.start }]
      : [];
  });
}

const isName = ({ op, args }: ASTNode, name: string) => op === 'id' && args === name;

/** The parser leaves out parentheses at either end. */
function partOf(text: string, { range }: ASTNode): ExpressionPart {
  let { start, end } = range;
  const balance = () => {
    const part = text.slice(start, end);
    return part.split('(').length - part.split(')').length;
  };
  while (balance() > 0 && /^\s*\)/.test(text.slice(end))) end = text.indexOf(')', end) + 1;
  while (balance() < 0 && /\(\s*$/.test(text.slice(0, start))) start = text.lastIndexOf('(', start - 1);
  return { text: text.slice(start, end), offset: start };
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function isPathFrom({ op, args }: ASTNode, names: ReadonlySet<string>): boolean {
  if (op === 'id') return names.has(args as string);
  return op === '.' && isPathFrom((args as [ASTNode, string])[0], names);
}

function parse(environment: Environment, text: string) {
  let run: ReturnType<Environment['parse']>;
  try {
    run = environment.parse(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const offset = Math.min(error.range?.start ?? 0, Math.max(0, text.length - 1));
    throw new ExpressionError(inWords(firstLine(error), text, error.range?.start ?? 0), offset);
  }
  for (const { pattern, offset } of constantPatterns(run.ast)) {
    try {
      RE2JS.compile(pattern);
    } catch (error) {
      throw new ExpressionError(
        `${JSON.stringify(pattern)} is no regular expression (RE2): ${firstLine(error)}`,
        offset,
      );
    }
  }
  return run;
}

/** Every node of the tree; the parser has bounded it. */
function* nodesIn(node: unknown): Generator<ASTNode> {
  if (Array.isArray(node)) {
    for (const one of node) yield* nodesIn(one);
    return;
  }
  if (!isNode(node)) return;
  yield node;
  yield* nodesIn(node.args);
}

/** Method calls, wherever they stand: `[name, receiver, arguments]`. */
function* methodCalls(ast: ASTNode): Generator<ASTNode & { op: 'rcall' }> {
  for (const node of nodesIn(ast)) if (node.op === 'rcall') yield node as ASTNode & { op: 'rcall' };
}

interface Named {
  readonly name: string;
  readonly offset: number;
}

function* namesIn(ast: ASTNode): Generator<Named> {
  for (const { op, args, start } of nodesIn(ast))
    if (op === 'id' && typeof args === 'string') yield { name: args, offset: start };
}

/** `x` of each `message.x`. */
function* fieldsOfMessage(ast: ASTNode): Generator<Named> {
  for (const node of nodesIn(ast)) {
    if (node.op !== '.') continue;
    const [of, name] = node.args as [ASTNode, string];
    if (of.op === 'id' && of.args === 'message') yield { name, offset: of.start };
  }
}

function* constantPatterns(ast: ASTNode): Generator<{ pattern: string; offset: number }> {
  for (const { args } of methodCalls(ast)) {
    const [name, , [argument]] = args;
    if (name === 'matches' && argument?.op === 'value' && typeof argument.args === 'string')
      yield { pattern: argument.args, offset: argument.start };
  }
}

/** The library looks functions up when an expression first runs, so it finds the other one. */
function useLinearMatch(ast: ASTNode): void {
  for (const { args } of methodCalls(ast)) if (args[0] === 'matches') args[0] = LINEAR_MATCH;
}

/** CEL's whole numbers are 64 bits wide; those that fit become ordinary numbers. */
function fromCel(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Date) return value.toISOString();
  return value;
}

/** The first line of the library's message; it goes on with a drawing of the place. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

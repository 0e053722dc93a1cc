import {
  type AddressKind,
  type AddressPattern,
  LEVEL_SEPARATOR,
  type PatternLevel,
} from '../message/address.js';

/** The `from` of a route, parsed: which addresses it takes and which names it captures at which level. */
export interface CapturePattern extends AddressPattern {
  /** As written in the mapping file. */
  readonly text: string;
  /** Capture names by level index; the level is `one` or `rest`. */
  readonly captures: ReadonlyMap<number, string>;
}

/** A mistake in a pattern; `offset` is the character in the text where it is. */
export class PatternSyntaxError extends Error {
  override readonly name = 'PatternSyntaxError';
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

const CAPTURE = /^\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}$/;

/** Characters that no literal level may have: they mean something to one of the brokers. */
const FORBIDDEN: Readonly<Record<AddressKind, RegExp>> = {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a broker's name must not hold them
  mqtt: /[+#{},?\u0000-\u001f\u007f]/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a broker's name must not hold them
  queue: /[*>#{},?:/\\\s\u0000-\u001f\u007f]/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a broker's name must not hold them
  topic: /[*>#{},?:/\\\s\u0000-\u001f\u007f]/,
};

/**
 * Reads `chat/{room}/messages` or `rooms.{room}.{rest...}`: a level is a literal text, `{name}` (one level), or
 * `{name...}` (all that is left, one level or more, only at the end).
 * @throws PatternSyntaxError
 */
export function parsePattern(kind: AddressKind, text: string): CapturePattern {
  if (text === '') throw new PatternSyntaxError('a name must not be empty', 0);
  const levels: PatternLevel[] = [];
  const captures = new Map<number, string>();
  const parts = splitLevels(text, LEVEL_SEPARATOR[kind]);
  parts.forEach(({ part, offset }, index) => {
    const capture = CAPTURE.exec(part);
    if (capture === null) {
      const bad = forbiddenIn(kind, part);
      if (bad !== undefined)
        throw new PatternSyntaxError(explainForbidden(kind, bad.char, part), offset + bad.offset);
      levels.push({ literal: part });
      return;
    }
    const [, name = '', rest] = capture;
    if ([...captures.values()].includes(name))
      throw new PatternSyntaxError(
        `{${name}} is captured twice; give each capture a name of its own`,
        offset,
      );
    if (rest !== undefined && index !== parts.length - 1)
      throw new PatternSyntaxError(`{${name}...} takes all that is left and must be the last level`, offset);
    captures.set(index, name);
    levels.push(rest === undefined ? 'one' : 'rest');
  });
  return { kind, levels, text, captures };
}

/** The first character of a literal text that no name of this kind may have, if there is one. */
export function forbiddenIn(
  kind: AddressKind,
  literal: string,
): { readonly char: string; readonly offset: number } | undefined {
  const bad = FORBIDDEN[kind].exec(literal);
  return bad === null ? undefined : { char: bad[0], offset: bad.index };
}

/** The dots of `{rest...}` part no levels. */
function splitLevels(text: string, separator: string): { part: string; offset: number }[] {
  const parts: { part: string; offset: number }[] = [];
  let start = 0;
  let inHole = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '{') inHole = true;
    else if (char === '}') inHole = false;
    else if (char === separator && !inHole) {
      parts.push({ part: text.slice(start, i), offset: start });
      start = i + 1;
    }
  }
  parts.push({ part: text.slice(start), offset: start });
  return parts;
}

function explainForbidden(kind: AddressKind, char: string, part: string): string {
  const name = /^\{([^{}]+?)(?:\.\.\.)?\}$/.exec(part)?.[1];
  if (name !== undefined)
    return `{${name}} cannot be the name of a capture: letters, digits and "_", no digit first`;
  if (char === '{' || char === '}') return 'a capture takes a whole level and is written {name} or {name...}';
  if (char === '+' || char === '*') return `${char} is written {name} here: a capture of one level`;
  if (char === '#' || char === '>') return `${char} is written {name...} here: a capture of all that is left`;
  return `${JSON.stringify(char)} cannot stand in a ${kind === 'mqtt' ? 'topic' : kind} name: brokers give it a meaning of its own`;
}

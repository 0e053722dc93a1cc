import type { AddressKind } from './address.js';
import { isSteeringProperty } from './steering.js';

/**
 * Carries any text as the name of a JMS property (Jakarta Messaging 3.1, 3.5.1 and 3.8.1.1: a Java identifier, and no word of
 * the selector language). Reversible, and two different texts never give the same name:
 *
 * - `.` becomes `_DOT_` and `-` becomes `_HYPHEN_`, as Apache Camel writes them;
 * - every other UTF-16 unit that cannot stand there becomes `_xHHHH_`, and empty text `_x_`;
 * - what reads like one of these in the text itself has its `_` written as `_x005F_`.
 *
 * A name that steers a broker stays what it is, so that it is still known for one and left out.
 */

/** How a Java identifier begins and goes on, of what both Java and Unicode call letters and digits. */
const START = /[\p{L}\p{Nl}_$]/u;
const PART = /[\p{L}\p{Nl}\p{Nd}\p{Mn}\p{Mc}_$]/u;

/** Words of the selector language in any case. */
const WORD = /^(?:null|true|false|not|and|or|between|like|in|is|escape)$/i;

/** Does JMS take the name for a property as it is? */
export function isPropertyName(name: string): boolean {
  if (name === '' || WORD.test(name)) return false;
  // Java looks at each half of a pair, and neither is a letter.
  return name.split('').every((unit, index) => (index === 0 ? START : PART).test(unit));
}

const ESCAPE = /_DOT_|_HYPHEN_|_x([0-9A-F]{4})_/g;
const LONGEST_ESCAPE = '_HYPHEN_'.length;
const BEGINS_WITH_ESCAPE = new RegExp(`^(?:${ESCAPE.source})`);

const NAMED: ReadonlyMap<string, string> = new Map([
  ['.', '_DOT_'],
  ['-', '_HYPHEN_'],
]);
const EMPTY = '_x_';

/** The name under which a property of any name goes to JMS; a legal name that reads like no escape is its own. */
export function encodePropertyName(text: string): string {
  if (text === '') return EMPTY;
  if (isSteeringProperty(text)) return text;
  const name = encode(text);
  // What is right in its parts can be wrong as a whole.
  const isTaken = WORD.test(name) || name === EMPTY || isSteeringProperty(name);
  return isTaken ? escapeUnit(text, 0) + encode(text.slice(1), PART) : name;
}

/** The text that `encodePropertyName` was given. A name that is not of its making comes back as it is. */
export function decodePropertyName(name: string): string {
  const text =
    name === EMPTY
      ? ''
      : name.replace(ESCAPE, (found, hex?: string) => {
          if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
          return found === '_DOT_' ? '.' : '-';
        });
  return encodePropertyName(text) === name ? text : name;
}

/**
 * The name that a property has where its message goes, of one that it brought along. Between MQTT, where any text is a name, and JMS
 * it is encoded and decoded; from JMS to JMS a legal name stays what it is.
 */
export function carryPropertyName(name: string, from: AddressKind, to: AddressKind): string {
  const original = from === 'mqtt' ? name : decodePropertyName(name);
  if (to !== 'mqtt') return encodePropertyName(original);
  return original;
}

/** From the end, because only what follows a `_` tells whether it would read like an escape. */
function encode(text: string, start = START): string {
  const characters = [...text];
  const pieces: string[] = [];
  let following = '';
  for (let i = characters.length - 1; i >= 0; i--) {
    const character = characters[i] ?? '';
    const piece = BEGINS_WITH_ESCAPE.test(character + following)
      ? escapeUnit(character, 0)
      : encodeCharacter(character, i === 0 ? start : PART);
    pieces.push(piece);
    following = (piece + following).slice(0, LONGEST_ESCAPE);
  }
  return pieces.reverse().join('');
}

function encodeCharacter(character: string, legal: RegExp): string {
  const named = NAMED.get(character);
  if (named !== undefined) return named;
  if (character.length === 2) return escapeUnit(character, 0) + escapeUnit(character, 1);
  return legal.test(character) ? character : escapeUnit(character, 0);
}

function escapeUnit(text: string, index: number): string {
  return `_x${text.charCodeAt(index).toString(16).toUpperCase().padStart(4, '0')}_`;
}

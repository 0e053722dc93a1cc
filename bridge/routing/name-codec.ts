/**
 * Carries any text inside one level of a destination name. Every character that means something to a broker,
 * white space and controls become `%XX` of their UTF-8 bytes (a lone surrogate `%uXXXX`, empty text `%`); reversible,
 * and two different texts never give the same name.
 */

/** Seen to mean something to Classic, Artemis or MQTT inside a name, or unsafe to print. */
const UNSAFE = /[.*>#+/,?&=:$%\\;|{}"'`<\s\p{C}]/gu;

/** How a name begins that brokers keep for themselves; a hole must not be able to begin a name like that. */
const RESERVED = /^(?:activemq|virtualtopic|consumer|dlq|expiryqueue)/i;

const ENCODED = /%u[0-9A-F]{4}|(?:%[0-9A-F]{2})+/g;

/** The text as (part of) one level; `first` when it stands at the very beginning of the name. */
export function encodeLevel(text: string, first = false): string {
  if (text === '') return '%';
  const encoded = text.replace(UNSAFE, percentEncode);
  return first && RESERVED.test(encoded) ? percentEncode(encoded.charAt(0)) + encoded.slice(1) : encoded;
}

/**
 * The text that `encodeLevel` was given. Text that is not of its making comes back as it is: `%61dmin`, say, is a name of its
 * own, and no other way to write `admin`.
 */
export function decodeLevel(level: string): string {
  if (!level.includes('%')) return level;
  const text = level === '%' ? '' : decode(level);
  return encodeLevel(text) === level || encodeLevel(text, true) === level ? text : level;
}

function decode(level: string): string {
  return level.replace(ENCODED, (run) => {
    if (run.startsWith('%u')) return String.fromCharCode(Number.parseInt(run.slice(2), 16));
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex');
    const text = bytes.toString('utf8');
    return Buffer.from(text, 'utf8').equals(bytes) ? text : run;
  });
}

function percentEncode(character: string): string {
  const code = character.charCodeAt(0);
  if (character.length === 1 && code >= 0xd800 && code <= 0xdfff)
    return `%u${code.toString(16).toUpperCase()}`;
  let encoded = '';
  for (const byte of Buffer.from(character, 'utf8'))
    encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}

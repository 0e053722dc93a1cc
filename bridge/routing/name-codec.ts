/**
 * Carries any text inside one level of a destination name. Every character that means something to a broker,
 * white space and controls become `%XX` of their UTF-8 bytes (a lone surrogate `%uXXXX`, empty text `%`); reversible,
 * and two different texts never give the same name.
 */

/**
 * Seen to mean something to Classic, Artemis or MQTT inside a name, or unsafe to print. Mosquitto ends the connection over a
 * noncharacter. Code points that are not assigned yet stay: else a name would change with the Unicode version of Node.js.
 */
const UNSAFE = /[.*>#+/,?&=:$%\\;|{}"'`<\s\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}]/gu;

/** How a name begins that brokers keep for themselves; what comes out of a hole must not make a name begin like that. */
const RESERVED = /^(?:activemq|virtualtopic|consumer|dlq|expiryqueue)/i;

const ENCODED = /%u[0-9A-F]{4}|(?:%[0-9A-F]{2})+/g;

/** The text as (part of) one level. */
export function encodeLevel(text: string): string {
  return text === '' ? '%' : text.replace(UNSAFE, percentEncode);
}

/**
 * The name with its beginning kept out of what is reserved, unless the first `written` characters, which a rule has in so many
 * words, are already so. What follows them must come from `encodeLevel`.
 */
export function keepBeginning(name: string, written: number): string {
  const reserved = RESERVED.exec(name)?.[0].length ?? 0;
  if (reserved <= written) return name;
  return name.slice(0, written) + percentEncode(name.charAt(written)) + name.slice(written + 1);
}

/**
 * The text that `encodeLevel` was given (and `keepBeginning`, for the `first` level of a name). Text that is not of their
 * making comes back as it is: `%61dmin`, say, is a name of its own, and no other way to write `admin`.
 */
export function decodeLevel(level: string, first = false): string {
  if (!level.includes('%')) return level;
  const text = level === '%' ? '' : decode(level);
  const again = encodeLevel(text);
  return (first ? keepBeginning(again, 0) : again) === level ? text : level;
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

import winston from 'winston';

/** One structured line an event. Fields are flat and chosen by hand: never log an options object (secrets). */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
}

export type LogFormat = 'json' | 'text';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Controls, and what turns the direction of writing; JSON leaves those above U+001F as they are. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Broker and client text may hold escape sequences or line breaks; quoting keeps a terminal and a line reader safe. */
function quoted(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value).replace(UNPRINTABLE, (character) =>
    [...character].map((unit) => `\\u${(unit.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`).join(''),
  );
}

const textLine = winston.format.printf(({ timestamp, level, message, ...fields }) => {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${quoted(value)}`)
    .join('');
  return `${String(timestamp)} ${level.toUpperCase().padEnd(5)} ${String(message)}${rest}`;
});

/** A log on standard error (standard output belongs to a command's answer), or on the stream given. */
export function createLog(
  format: LogFormat,
  level: LogLevel,
  stream: NodeJS.WritableStream = process.stderr,
): Log {
  const logger = winston.createLogger({
    level,
    exitOnError: false,
    format: winston.format.combine(
      winston.format.timestamp(),
      format === 'json' ? winston.format.json() : textLine,
    ),
    transports: [new winston.transports.Stream({ stream })],
  });
  const at = (name: LogLevel) => (event: string, fields?: Fields) => {
    logger.log({ level: name, message: event, ...fields });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A log that drops everything: for tests of single parts. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

import type { Broker, DeadLetter, End, Problem, Protocol } from './answers.js';

/** How the dashboard says numbers, times and names. */

/** Messages a second: `0.4/s`, `12/s`, `3.2k/s`. */
export function rateText(rate: number): string {
  if (rate < 0.05) return '0/s';
  if (rate < 9.95) return `${rate.toFixed(1)}/s`;
  return `${countText(Math.round(rate))}/s`;
}

/** `1,234`, `12.3k`, `4.5M`. */
export function countText(count: number): string {
  if (count < 10_000) return count.toLocaleString('en');
  if (count < 999_500) return `${short(count / 1000)}k`;
  return `${short(count / 1_000_000)}M`;
}

const short = (value: number) =>
  value < 100 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));

export function bytesText(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${short(bytes / 1024)} KiB`;
  return `${short(bytes / 1024 / 1024)} MiB`;
}

/** Two units at most: `3 d 4 h`, `12 min 5 s`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** One word for one thing, else the other. */
export const plural = (count: number, one: string, many = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

export const PRODUCTS: Readonly<Record<Broker['type'], string>> = {
  activemq: 'ActiveMQ Classic',
  artemis: 'ActiveMQ Artemis',
  mqtt: 'MQTT broker',
};

export const PROTOCOLS: Readonly<Record<Protocol, string>> = { mqtt: 'MQTT', amqp: 'AMQP', stomp: 'STOMP' };

export const KINDS: Readonly<Record<End['kind'], string>> = { mqtt: 'MQTT', queue: 'Queue', topic: 'Topic' };

export const endText = ({ kind, name, broker }: End) => `${KINDS[kind]} ${name} on ${broker}`;

/** What stands in a dead letter's `reason`, for people. */
const REASONS: Readonly<Record<string, string>> = {
  'destination-refused': 'Destination refused',
  'message-refused': 'Message refused',
  'unsupported-body': 'Body cannot be carried',
  'mapping-failed': 'Rule has no value',
  'limit-exceeded': 'Over a limit',
  'no-request': 'Answer to no request',
};
export const REASON_CODES: readonly string[] = Object.keys(REASONS);
export const reasonText = (code: DeadLetter['reason']) => REASONS[code] ?? code;

/** What stands in a problem besides its name, the longest text last. */
export function problemParts({ fields }: Problem): { readonly where: string; readonly why: string } {
  const of = (name: string) => (fields[name] === undefined ? undefined : String(fields[name]));
  const where = [
    of('route') && `route ${of('route')}`,
    of('session') && `session ${of('session')}`,
    of('broker') && `broker ${of('broker')}`,
    of('from') && `from ${of('from')}`,
    of('mapping'),
    of('path'),
  ];
  const why = of('reason') ?? of('text') ?? '';
  const code = of('code');
  return {
    where: where.filter(Boolean).join(' · '),
    why: [code === undefined ? '' : `${code}`, why].filter(Boolean).join(': '),
  };
}

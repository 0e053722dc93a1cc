const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

export const DURATION = /^(\d{1,12})(ms|s|m|h)$/;

/** Milliseconds of `200`, `200ms`, `5s`, `2m` or `1h`. */
export function milliseconds(duration: number | string): number {
  if (typeof duration === 'number') return duration;
  const [, count = '', unit = ''] = DURATION.exec(duration) ?? [];
  return Number(count) * (UNITS[unit] ?? Number.NaN);
}

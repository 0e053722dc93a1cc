import { type AddressPattern, LEVEL_SEPARATOR } from '../../message/address.js';

/** Is the name one of those that the pattern takes? */
export function matchesPattern(pattern: AddressPattern, name: string): boolean {
  const names = name.split(LEVEL_SEPARATOR[pattern.kind]);
  const last = pattern.levels.at(-1);
  if (last === 'rest' ? names.length < pattern.levels.length : names.length !== pattern.levels.length)
    return false;
  return pattern.levels.every((level, index) => typeof level === 'string' || level.literal === names[index]);
}

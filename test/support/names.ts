import { randomBytes } from 'node:crypto';

/** A name that no other test uses; letters and digits only, so that it is one level of any destination. */
export function uniqueName(prefix: string): string {
  return `${prefix}${randomBytes(5).toString('hex')}`;
}

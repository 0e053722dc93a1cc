import { isIP } from 'node:net';

/** Is this name or address, with or without brackets, one under which a machine speaks to itself only? */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/i, '');
  if (isIP(address) === 4) return address.startsWith('127.');
  return address === '::1' || address === 'localhost';
}

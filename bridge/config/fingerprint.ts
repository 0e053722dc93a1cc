import { createHash } from 'node:crypto';
import { Secret } from '../secret.js';

/**
 * The same text for parts of a Config that mean the same, another for every difference that a running route would notice. A
 * digest: it shows no secret.
 */
export function fingerprint(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts, plain)).digest('base64');
}

/** Everything that was parsed is its text; a file's bytes are their own text. */
function plain(this: unknown, key: string, value: unknown): unknown {
  // JSON.stringify has asked a Buffer and a Secret for their JSON form by now; the holder has the thing itself.
  const original = (this as Record<string, unknown>)[key];
  if (original instanceof Secret) return original.reveal();
  if (Buffer.isBuffer(original)) return original.toString('base64');
  if (original instanceof Map) return [...original].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  if (isParsed(original)) return 'kind' in original ? [original.kind, original.text] : original.text;
  return value;
}

/** A template, an expression or a pattern. */
function isParsed(value: unknown): value is { readonly text: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'text' in value &&
    typeof value.text === 'string' &&
    ('parts' in value || 'evaluate' in value || 'levels' in value)
  );
}

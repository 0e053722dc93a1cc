import { isSecretKey } from './redact.js';
import { addressOf, listOf } from './resolve.js';
import type { Mapping, RouteInput } from './schema.js';
import { type Node, nodeAt, type Path } from './source.js';

/**
 * A mapping file as its writer knows it, for comparing two of them: every key with the text that stands there, or the default
 * that holds. What variables stand for is compared and never given out.
 */
export interface Written {
  readonly brokers: ReadonlyMap<string, WrittenKeys>;
  readonly routes: ReadonlyMap<string, WrittenRoute>;
  readonly http: WrittenKeys;
  readonly tests: WrittenKeys;
}

export interface WrittenRoute {
  readonly keys: WrittenKeys;
  /** The destinations by where they are, for example `queue chat-archive`. */
  readonly to: ReadonlyMap<string, WrittenKeys>;
}

/** By the path of the key: `from.mqtt`, `retry.initial`. */
export type WrittenKeys = ReadonlyMap<string, WrittenValue>;

export class WrittenValue {
  readonly #effective: string;

  constructor(
    effective: unknown,
    /** As written; undefined for what must not be shown. */
    readonly shown: string | undefined,
  ) {
    this.#effective = JSON.stringify(effective);
  }

  /** Whether both come to the same, whatever they are written like. */
  equals(other: WrittenValue): boolean {
    return this.#effective === other.#effective;
  }
}

/** `source` is the file before its variables were filled in. */
export function writtenOf(mapping: Mapping, source: Node): Written {
  const keysOf = (value: unknown, path: Path) => {
    const keys = new Map<string, WrittenValue>();
    flatten(value, path, '', source, keys);
    return keys;
  };
  return {
    brokers: mapOf(mapping.brokers, (broker, name) => keysOf(broker, ['brokers', name])),
    routes: mapOf(mapping.routes, (route, name) => writtenRoute(route, name, source, keysOf)),
    http: keysOf(mapping.http, ['http']),
    tests: keysOf(mapping.tests, ['tests']),
  };
}

function mapOf<In, Out>(record: Readonly<Record<string, In>>, make: (value: In, name: string) => Out) {
  return new Map(Object.entries(record).map(([name, value]) => [name, make(value, name)]));
}

function writtenRoute(
  route: RouteInput,
  name: string,
  source: Node,
  keysOf: (value: unknown, path: Path) => WrittenKeys,
): WrittenRoute {
  const { to, ...rest } = route;
  const destinations = new Map<string, WrittenKeys>();
  listOf(to).forEach((end, index) => {
    const path = ['routes', name, 'to', ...(Array.isArray(to) ? [index] : [])];
    const { kind, text } = addressOf(end) ?? { kind: '', text: '' };
    const place = `${kind} ${textAt(source, [...path, kind]) ?? text}`;
    const { [kind as 'mqtt']: _address, ...keys } = end;
    // The same place twice is told apart by its number.
    let label = place;
    for (let count = 2; destinations.has(label); count++) label = `${place} (${count})`;
    destinations.set(label, keysOf(keys, path));
  });
  return { keys: keysOf(rest, ['routes', name]), to: destinations };
}

function flatten(
  value: unknown,
  path: Path,
  label: string,
  source: Node,
  keys: Map<string, WrittenValue>,
): void {
  if (value === undefined) return;
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) {
      const step = Array.isArray(value) ? `[${Number(key) + 1}]` : label === '' ? key : `.${key}`;
      flatten(inner, [...path, key], `${label}${step}`, source, keys);
    }
    return;
  }
  const hidden = isSecretKey(String(path.at(-1)));
  const shown = hidden ? undefined : (textAt(source, path) ?? textOf(value));
  keys.set(label, new WrittenValue(value, shown));
}

function textAt(source: Node, path: Path): string | undefined {
  const node = nodeAt(source, path);
  return node?.kind === 'scalar' ? textOf(node.value) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

import type { Config } from '../config/config.js';
import type { Written, WrittenKeys, WrittenRoute } from '../config/written.js';

/** One side of a comparison. */
export interface Side {
  readonly config: Config;
  readonly written: Written;
}

/** One key that is not the same in both; a side without a value does not have the key, or must not be shown. */
export interface KeyChange {
  readonly key: string;
  readonly old?: string;
  readonly new?: string;
  /** The values must not be shown. */
  readonly hidden: boolean;
}

/** Something that has a name in both files. */
export interface Changed {
  readonly name: string;
  readonly keys: readonly KeyChange[];
}

export interface RouteChanged extends Changed {
  /** Destinations that only one of the files has. */
  readonly toAdded: readonly string[];
  readonly toGone: readonly string[];
  /** Destinations that both have, with other keys. */
  readonly toChanged: readonly Changed[];
}

export interface MappingComparison {
  readonly brokers: {
    readonly added: readonly string[];
    readonly gone: readonly string[];
    readonly changed: readonly Changed[];
  };
  readonly routes: {
    readonly added: readonly string[];
    readonly gone: readonly string[];
    readonly renamed: readonly { readonly old: string; readonly new: string }[];
    readonly changed: readonly RouteChanged[];
  };
  readonly http: readonly KeyChange[];
  readonly testsChanged: boolean;
}

/** What two mapping files say differently, key by key. The order of routes means nothing. */
export function compareMappings(old: Written, now: Written): MappingComparison {
  const brokers = compareNames(old.brokers, now.brokers);
  const routes = compareNames(old.routes, now.routes);
  const renamed = renamedRoutes(routes.gone, routes.added, old, now);
  const oldNames = new Set(renamed.map((one) => one.old));
  const newNames = new Set(renamed.map((one) => one.new));
  return {
    brokers: {
      added: brokers.added,
      gone: brokers.gone,
      changed: brokers.both.flatMap((name) => {
        const keys = changedKeys(old.brokers.get(name), now.brokers.get(name));
        return keys.length === 0 ? [] : [{ name, keys }];
      }),
    },
    routes: {
      added: routes.added.filter((name) => !newNames.has(name)),
      gone: routes.gone.filter((name) => !oldNames.has(name)),
      renamed,
      changed: routes.both.flatMap((name) => changedRoute(name, old.routes.get(name), now.routes.get(name))),
    },
    http: changedKeys(old.http, now.http),
    testsChanged: changedKeys(old.tests, now.tests).length > 0,
  };
}

/** Nothing in it. */
export function isSame({ brokers, routes, http, testsChanged }: MappingComparison): boolean {
  const lists = [...Object.values(brokers), ...Object.values(routes), http];
  return !testsChanged && lists.every((list) => list.length === 0);
}

interface Names {
  readonly added: readonly string[];
  readonly gone: readonly string[];
  readonly both: readonly string[];
}

function compareNames(old: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): Names {
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    gone: [...old.keys()].filter((name) => !now.has(name)),
    both: [...now.keys()].filter((name) => old.has(name)),
  };
}

/** A route that is gone and one that is new are one with another name when all else is equal. */
function renamedRoutes(gone: readonly string[], added: readonly string[], old: Written, now: Written) {
  const left = new Map(added.map((name) => [fingerprint(now.routes.get(name)), name]));
  return gone.flatMap((name) => {
    const key = fingerprint(old.routes.get(name));
    const match = left.get(key);
    if (match === undefined || changedRoute(name, old.routes.get(name), now.routes.get(match)).length > 0)
      return [];
    left.delete(key);
    return [{ old: name, new: match }];
  });
}

/** The same for routes that are the same, so that not every pair has to be compared. */
function fingerprint(route: WrittenRoute | undefined): string {
  const shownOf = (keys: WrittenKeys | undefined) =>
    [...(keys ?? [])].map(([key, { shown }]) => [key, shown]).sort();
  return JSON.stringify([
    shownOf(route?.keys),
    [...(route?.to ?? [])].map(([place, keys]) => [place, shownOf(keys)]),
  ]);
}

function changedRoute(
  name: string,
  old: WrittenRoute | undefined,
  now: WrittenRoute | undefined,
): RouteChanged[] {
  const to = compareNames(old?.to ?? new Map(), now?.to ?? new Map());
  const changed: RouteChanged = {
    name,
    keys: changedKeys(old?.keys, now?.keys),
    toAdded: to.added,
    toGone: to.gone,
    toChanged: to.both.flatMap((place) => {
      const keys = changedKeys(old?.to.get(place), now?.to.get(place));
      return keys.length === 0 ? [] : [{ name: place, keys }];
    }),
  };
  const { keys, toAdded, toGone, toChanged } = changed;
  return keys.length + toAdded.length + toGone.length + toChanged.length === 0 ? [] : [changed];
}

function changedKeys(old: WrittenKeys = new Map(), now: WrittenKeys = new Map()): KeyChange[] {
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key): KeyChange[] => {
    const before = old.get(key);
    const after = now.get(key);
    if (before !== undefined && after !== undefined && before.equals(after)) return [];
    const hidden = [before, after].some((value) => value !== undefined && value.shown === undefined);
    return [
      {
        key,
        hidden,
        ...(before?.shown === undefined ? {} : { old: before.shown }),
        ...(after?.shown === undefined ? {} : { new: after.shown }),
      },
    ];
  });
}

import type { RouteConfig } from '../config/config.js';
import { leftBehind } from '../config/left-behind.js';
import { type Diagnostic, formatDiagnostics, type LoadResult, loadConfig } from '../config/load.js';
import { BridgeError } from '../errors.js';
import {
  type Changed,
  compareMappings,
  isSame,
  type KeyChange,
  type MappingComparison,
  type RouteChanged,
} from './compare-mappings.js';
import { compareRouting, type Rerouted } from './compare-routing.js';
import { type Context, EXIT, type ExitCode } from './context.js';

type Loaded = Extract<LoadResult, { ok: true }>;

/** Tells what a new mapping file says that an old one does not, and what that means for messages. Differences are no failure. */
export async function diff(oldFile: string, newFile: string, context: Context): Promise<ExitCode> {
  const results = [await loadConfig(oldFile, context.env), await loadConfig(newFile, context.env)] as const;
  const [old, now] = results;
  if (!old.ok || !now.ok) {
    for (const result of results)
      if (!result.ok)
        for (const lines of formatDiagnostics(result.diagnostics, result.text)) context.complain(lines);
    const invalid = [oldFile, newFile].filter((_, index) => results[index]?.ok === false);
    throw new BridgeError(
      'configuration-invalid',
      `${[...new Set(invalid)].join(' and ')}: not a valid mapping file; nothing was compared`,
    );
  }
  const comparison = compareMappings(old.written(), now.written());
  const rerouted = compareRouting(old.config, now.config);
  const warnings = newWarnings(old, now);
  if (isSame(comparison) && rerouted.length === 0 && warnings.length === 0) {
    context.say('no difference');
    return EXIT.done;
  }
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['brokers', brokerLines(comparison)],
    ['routes', routeLines(comparison, old, now)],
    ['http', comparison.http.map(keyLine)],
    ['tests', comparison.testsChanged ? [testsLine(old, now)] : []],
    [ADDRESSES, rerouted.flatMap((one) => reroutedLines(one, severalBrokers(old, now)))],
    ['new warnings', warnings.flatMap((lines) => lines.split('\n'))],
    [
      'what the old file leaves on its brokers, where it goes on collecting until it is removed',
      leftBehind(old.config, now.config),
    ],
  ];
  for (const [title, lines] of sections) {
    if (lines.length > 0) context.say(`${title}:`);
    else if (title === ADDRESSES) context.say('no address changes route');
    for (const line of lines) context.say(`  ${line}`);
  }
  return EXIT.done;
}

const ADDRESSES = 'addresses that change route';

const severalBrokers = (old: Loaded, now: Loaded) =>
  new Set([...old.config.brokers.keys(), ...now.config.brokers.keys()]).size > 1;

function brokerLines({ brokers }: MappingComparison): string[] {
  return [
    ...brokers.gone.map((name) => `${name}: gone`),
    ...brokers.added.map((name) => `${name}: new`),
    ...brokers.changed.flatMap(changedLines),
  ];
}

function routeLines({ routes }: MappingComparison, old: Loaded, now: Loaded): string[] {
  return [
    ...routes.gone.map((name) => `${name}: gone${summary(old, name)}`),
    ...routes.added.map((name) => `${name}: new${summary(now, name)}`),
    ...routes.renamed.map((one) => `${one.old}: is ${one.new} now, and otherwise the same`),
    ...routes.changed.flatMap(routeChangedLines),
  ];
}

function summary({ config }: Loaded, name: string): string {
  const route = config.routes.find((one) => one.name === name);
  return route === undefined ? '' : `: ${wayOf(route)}`;
}

function wayOf({ from, to, enabled }: RouteConfig): string {
  const destinations = to.map(({ kind, name }) => `${kind} ${name.text}`).join(', ');
  return `${from.kind} ${from.pattern.text} -> ${destinations}${enabled ? '' : ' (turned off)'}`;
}

function changedLines({ name, keys }: Changed): string[] {
  return [`${name}:`, ...keys.map((key) => `  ${keyLine(key)}`)];
}

function routeChangedLines({ name, keys, toAdded, toGone, toChanged }: RouteChanged): string[] {
  return [
    `${name}:`,
    ...keys.map((key) => `  ${keyLine(key)}`),
    ...toGone.map((place) => `  to ${place}: gone`),
    ...toAdded.map((place) => `  to ${place}: new`),
    ...toChanged.flatMap((one) => one.keys.map((key) => `  to ${one.name}: ${keyLine(key)}`)),
  ];
}

function keyLine({ key, hidden, old, new: now }: KeyChange): string {
  if (hidden) return `${key}: changed (not shown)`;
  if (old !== undefined && old === now)
    return `${key}: ${oneLine(old)}, and its variables stand for something else`;
  return `${key}: ${old === undefined ? 'not set' : oneLine(old)} -> ${now === undefined ? 'not set' : oneLine(now)}`;
}

/** Text of several lines, or none, as JSON. */
const oneLine = (text: string) => (text === '' || /\p{Cc}/u.test(text) ? JSON.stringify(text) : text);

function testsLine(old: Loaded, now: Loaded): string {
  const [before, after] = [old.config.tests.length, now.config.tests.length];
  return before === after ? 'changed' : `${before} -> ${after}`;
}

function reroutedLines({ kind, pattern, broker, old, new: now }: Rerouted, withBroker: boolean): string[] {
  const names = (takers: Rerouted['old']) => takers.map(({ route }) => route).join(', ') || 'no route';
  const did = new Map(old.map(({ route, does }) => [route, does]));
  return [
    `${kind} ${pattern}${withBroker ? ` on ${broker}` : ''}: ${names(old)} -> ${names(now)}`,
    ...old
      .filter(({ route }) => !now.some((taker) => taker.route === route))
      .map(({ route, does }) => `  no more: ${route} to ${does}`),
    ...now.flatMap(({ route, does }) => {
      const before = did.get(route);
      if (before === does) return [];
      return before === undefined
        ? [`  new: ${route} to ${does}`]
        : [`  was: ${route} to ${before}`, `  now: ${route} to ${does}`];
    }),
  ];
}

/** The warnings of the new file that the old one has not, wherever they stand. */
function newWarnings(old: Loaded, now: Loaded): string[] {
  const known = new Map<string, number>();
  for (const warning of old.warnings) known.set(essence(warning), (known.get(essence(warning)) ?? 0) + 1);
  const fresh = now.warnings.filter((warning) => {
    const count = known.get(essence(warning)) ?? 0;
    known.set(essence(warning), count - 1);
    return count <= 0;
  });
  return formatDiagnostics(fresh, now.text);
}

/** The message without the numbers of lines, which move. */
const essence = ({ message }: Diagnostic) => message.replace(/\bline \d+/g, 'line');

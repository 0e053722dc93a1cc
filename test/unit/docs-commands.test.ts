import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../bridge/cli/program.js';
import { commandsOf, pages, TOP } from '../support/docs.js';

/** A command line of the bridge in the documentation: `NAME=… npm run --silent bridge -- VERB …`. */
interface Documented {
  readonly page: string;
  readonly line: string;
  /** What it sets for the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

async function documented(): Promise<Documented[]> {
  const found: Documented[] = [];
  for (const page of await pages())
    for (const line of commandsOf(await readFile(join(TOP, page), 'utf8'))) {
      const [, assignments = '', rest] =
        /^((?:[A-Z_]+=\S+ +)*)npm run (?:-s|--silent) bridge -- (.+)$/.exec(line) ?? [];
      if (rest === undefined) continue;
      const env = Object.fromEntries(
        [...assignments.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
      );
      const words = [...rest.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
      found.push({ page, line, env, args: words });
    }
  return found;
}

const all = await documented();
const withVerb = (...verbs: string[]) => all.filter(({ args: [verb = ''] }) => verbs.includes(verb));
/** In the place of a file that the reader has. */
const inCheckout = (args: readonly string[]) =>
  args
    .map((arg) => (/^(FILE|old\.yaml|new\.yaml|my-chat\.yaml)$/.test(arg) ? 'mappings/chat.yaml' : arg))
    .map((arg) => (arg.startsWith('mappings/') ? join(TOP, arg) : arg));

async function cli(args: readonly string[], env: Documented['env'] = {}) {
  const told: string[] = [];
  const tell = (line: string) => void told.push(line);
  const exitCode = await runCli(args, {
    env,
    terminal: false,
    stop: AbortSignal.abort('SIGTERM'),
    onHangup: () => {},
    say: tell,
    complain: tell,
  });
  return { exitCode, told: told.join('\n') };
}

describe('commands of the bridge in the documentation', () => {
  it('are found, and each is shown by one of the tests below', () => {
    expect(all.length).toBeGreaterThan(10);
    const shown = withVerb('validate', 'explain', 'test', 'diff', 'schema', 'run', 'dead-letters');
    expect(all.filter((one) => !shown.includes(one))).toEqual([]);
  });

  it.each(withVerb('validate', 'explain', 'test', 'diff', 'schema'))('$line', async ({ args, env }) => {
    const { exitCode, told } = await cli(inCheckout(args), env);
    expect(exitCode, told).toBe(0);
    expect(told).not.toBe('');
  });

  it.each(withVerb('run'))('$line', async ({ args, env }) => {
    const [, file = '', ...more] = inCheckout(args);
    expect(more).toEqual([]);
    const { exitCode, told } = await cli(['validate', file]);
    expect(exitCode, told).toBe(0);
    const mapping = await readFile(file, 'utf8');
    for (const name of Object.keys(env))
      expect(mapping).toMatch(new RegExp(`\\$\\{${name.replace(/_FILE$/, '')}[:}]`));
  });

  it.each(withVerb('dead-letters'))(
    '$line: nothing is wrong but that there is no broker',
    async ({ args }) => {
      const { exitCode, told } = await cli(inCheckout(args));
      expect({ exitCode, told }).toMatchObject({
        exitCode: 1,
        told: expect.stringContaining('stopped while connecting'),
      });
    },
  );
});

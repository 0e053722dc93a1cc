import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../../bridge/cli/program.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function cli(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await runCli(args, {
    env: {},
    terminal: false,
    stop: AbortSignal.abort('SIGTERM'),
    onHangup: () => {},
    say: (line) => out.push(line),
    complain: (line) => err.push(line),
  });
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}

async function mappingFile(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

const GOOD = `version: 1
brokers:
  one: { type: activemq, host: 127.0.0.1 }
routes:
  to-queue:
    from: { mqtt: "a/{x}" }
    to: { queue: "q.{x}" }
`;

describe('the command line', () => {
  it.each([
    [[], 'Usage: activemq-bridge'],
    [['fly'], "unknown command 'fly'"],
    [['run'], "missing required argument 'file'"],
    [['run', 'a.yaml', 'b.yaml'], 'too many arguments'],
    [['up', '--fast'], "unknown option '--fast'"],
    [['validate', 'x.yaml', '--log-level', 'loud'], 'Allowed choices are debug, info, warn, error'],
  ])('takes %j as wrong use: exit code 2, and why on standard error', async (args, words) => {
    const { exitCode, out, err } = await cli(...args);
    expect(exitCode).toBe(2);
    expect(err).toContain(words);
    expect(out).toBe('');
  });

  it('prints help and version on standard output', async () => {
    const help = await cli('--help');
    expect(help).toMatchObject({ exitCode: 0, err: '' });
    expect(help.out).toMatch(/ up \[options\] .* run <file> .* validate \[options\] <file> .* schema /s);
    expect(await cli('--version')).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
    expect((await cli('run', '--help')).out).toContain('--log-format');
  });
});

describe('schema', () => {
  it('prints a JSON Schema', async () => {
    const { exitCode, out } = await cli('schema');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ type: 'object' });
  });
});

describe('validate', () => {
  it('says that a good file is valid', async () => {
    const file = await mappingFile('good.yaml', GOOD);
    const { exitCode, out } = await cli('validate', file);
    expect(out).toContain(`${file}: valid, 1 route`);
    expect(exitCode).toBe(0);
  });

  it('prints problems of a bad file with their place, exit code 2', async () => {
    const file = await mappingFile('bad.yaml', GOOD.replace('{ queue:', '{ qeue:'));
    const { exitCode, out } = await cli('validate', file);
    expect(exitCode).toBe(2);
    expect(out).toContain(`${file}:7:11: error: `);
  });

  it('shows the line with the place marked, no password in it, and counts at the end', async () => {
    const bad = GOOD.replace('host:', 'username: u, password: hunter2, hots:');
    const file = await mappingFile('marked.yaml', bad);
    const { exitCode, out, err } = await cli('validate', file);
    expect(exitCode).toBe(2);
    expect(err).toBe('');
    expect(out.split('\n').slice(-4)).toEqual([
      `${file}:3:58: error: unknown key "hots"; did you mean "host"?`,
      '    one: { type: activemq, username: u, password: *******, hots: 127.0.0.1 }',
      `  ${' '.repeat(57)}^`,
      `${file}: not valid: 1 error`,
    ]);
  });

  it('tells warnings from errors: they do not make it fail', async () => {
    const file = await mappingFile('warned.yaml', GOOD.replaceAll('{x}', '{topic}'));
    const { exitCode, out } = await cli('validate', file);
    expect(exitCode).toBe(0);
    expect(out).toContain(`${file}:6:19: warning: `);
    expect(out.split('\n').at(-1)).toBe(`${file}: valid, 1 route, 1 warning`);
  });

  it.each([
    ['good.yaml', GOOD, 0, { valid: true, routes: 1, diagnostics: [] }],
    [
      'bad.yaml',
      GOOD.replace('{ queue:', '{ qeue:'),
      2,
      {
        valid: false,
        routes: 0,
        diagnostics: [
          {
            line: 7,
            column: 11,
            severity: 'error',
            message: expect.stringContaining('did you mean "queue"?'),
          },
        ],
      },
    ],
    [
      'warned.yaml',
      GOOD.replaceAll('{x}', '{topic}'),
      0,
      { valid: true, routes: 1, diagnostics: [{ line: 6, column: 19, severity: 'warning' }] },
    ],
    [
      'none.yaml',
      undefined,
      2,
      {
        valid: false,
        routes: 0,
        diagnostics: [
          {
            line: 1,
            column: 1,
            severity: 'error',
            message: 'the file cannot be read: there is no such file',
          },
        ],
      },
    ],
  ])('--format json of %s is one document for machines', async (name, text, code, expected) => {
    const file = text === undefined ? join(folder, `missing-${name}`) : await mappingFile(name, text);
    const { exitCode, out, err } = await cli('validate', file, '--format', 'json');
    expect(exitCode).toBe(code);
    expect(err).toBe('');
    const diagnostics = expected.diagnostics.map((one) => ({ file, ...one }));
    expect(JSON.parse(out)).toMatchObject({ file, ...expected, diagnostics });
  });

  it('takes a file that is not there for wrong use, without a stack trace', async () => {
    const { exitCode, out, err } = await cli('validate', join(folder, 'none.yaml'));
    expect(exitCode).toBe(2);
    expect(out + err).toContain('none.yaml');
    expect(out + err).not.toMatch(/^ +at /m);
  });
});

describe('run', () => {
  it('starts nothing with an invalid mapping file, exit code 2', async () => {
    const file = await mappingFile('broken.yaml', 'version: 1\nbrokers: {\n');
    const { exitCode, err } = await cli('run', file);
    expect(exitCode).toBe(2);
    expect(err).toContain(`${file}:`);
    expect(err).toContain('is not a valid mapping file; nothing was started');
  });
});

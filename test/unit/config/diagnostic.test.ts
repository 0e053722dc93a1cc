import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Diagnostic,
  formatDiagnostic,
  formatDiagnostics,
  parseConfig,
} from '../../../bridge/config/load.js';

const at = (line: number, column: number): Diagnostic => ({
  file: 'm.yaml',
  line,
  column,
  severity: 'error',
  message: 'wrong',
});

/** The two lines under the first one. */
const shown = (text: string, column: number) => formatDiagnostic(at(1, column), text).split('\n').slice(1);

describe('the mark under a problem', () => {
  it('stands under its place', () => {
    expect(formatDiagnostic(at(2, 9), 'a: 1\nbroker: mq\n')).toBe(
      ['m.yaml:2:9: error: wrong', '  broker: mq', '          ^'].join('\n'),
    );
  });

  it('is left out where there is nothing to mark', () => {
    for (const text of [undefined, '', 'a: 1\n\n'])
      expect(formatDiagnostic(at(2, 1), text)).toBe('m.yaml:2:1: error: wrong');
  });

  it.each([
    ['tabs, which stay tabs', '\ta:\tb', 4, ['  \ta:\tb', '  \t  ^']],
    ['wide characters', 'räume: "会议室/{x}"', 12, ['  räume: "会议室/{x}"', `  ${' '.repeat(14)}^`]],
    ['emoji of several parts', 'a: 👩‍👩‍👧 b', 13, ['  a: 👩‍👩‍👧 b', '        ^']],
    ['combining marks', 'e\u0301: x', 5, ['  e\u0301: x', '     ^']],
    ['line ends of Windows', 'a: b\r\n', 4, ['  a: b', '     ^']],
  ])('counts %s', (_what, text, column, lines) => {
    expect(shown(text, column)).toEqual(lines);
  });

  it('keeps what would move the cursor away from the terminal', () => {
    const [line, mark] = shown('a: \u001b[2J\u202eb', 8);
    expect(line).toBe('  a: \ufffd[2J\ufffdb');
    expect(mark).toBe('         ^');
    expect(formatDiagnostic({ ...at(1, 1), message: 'no "\u001b[2J\n"' })).toBe(
      'm.yaml:1:1: error: no "\\u001b[2J\\u000a"',
    );
  });

  it('of a long line shows what is around the place', () => {
    const text = `${'x'.repeat(5000)}HERE${'y'.repeat(5000)}`;
    const [line = '', mark = ''] = shown(text, 5001);
    expect(line).toMatch(/^ {2}…x+HEREy+…$/);
    expect(line.length).toBeLessThanOrEqual(112);
    expect(line.slice(mark.indexOf('^')).startsWith('HERE')).toBe(true);
    expect(shown(text, 1)[0]).toMatch(/^ {2}x+…$/);
    expect(shown(text, 10_004)[0]).toMatch(/^ {2}…y+$/);
  });

  it('is found for any text and place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(50), (text, column) => {
        for (const line of shown(text, column + 1)) expect(line.replaceAll('\t', '')).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('of ten thousand problems does not take the text apart ten thousand times', () => {
    const text = `${'password: hunter2\n'.repeat(10_000)}`;
    const all = Array.from({ length: 10_000 }, (_, i) => at(i + 1, 1));
    expect(formatDiagnostics(all, text)).toHaveLength(10_000);
  });
});

it('the text that a result gives out for it has no passwords', async () => {
  const text = 'version: 1\nbrokers:\n  mq: { password: "hunter2", typ: x }\nroutes: {}\n';
  const result = await parseConfig(text, 'm.yaml', {}, () => Promise.reject(new Error('no file')));
  if (result.ok) throw new Error('it has a mistake');
  expect(formatDiagnostics(result.diagnostics, result.text)).toContain(
    [
      'm.yaml:3:30: error: unknown key "typ"; did you mean "type"?',
      '    mq: { password: *********, typ: x }',
      `  ${' '.repeat(29)}^`,
    ].join('\n'),
  );
});

import { describe, expect, it } from 'vitest';
import { verdict } from '../../../scripts/audit.js';

const counts = (total: number) => ({ metadata: { vulnerabilities: { low: total, total } } });

describe('what an answer of npm audit comes to', () => {
  it('is clean when no package has a known vulnerability', () => {
    expect(verdict(JSON.stringify(counts(0))).kind).toBe('clean');
  });

  it('is a failure for the smallest of them, with the package named', () => {
    const vulnerabilities = { 'left-pad': { severity: 'low', range: '<1.3.0', isDirect: false } };
    const { kind, lines } = verdict(JSON.stringify({ ...counts(1), vulnerabilities }));
    expect(kind).toBe('vulnerable');
    expect(lines).toContain('  left-pad <1.3.0: low');
  });

  it.each([
    [
      'a registry that has no audit',
      '{"message":"405 Method Not Allowed","error":{"summary":"","detail":""}}',
    ],
    ['no answer', ''],
    ['something else', '<html>'],
    ['null', 'null'],
  ])('is unknown for %s, and says that nothing was checked', (_, printed) => {
    const { kind, lines } = verdict(printed);
    expect(kind).toBe('unknown');
    expect(lines.join()).toContain('NOT CHECKED');
  });
});

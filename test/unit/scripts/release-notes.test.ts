import { describe, expect, it } from 'vitest';
import { cutChangelog, nextVersion } from '../../../scripts/release-notes.js';

describe('the version of a release', () => {
  it.each([
    ['0.1.0', 'patch', '0.1.1'],
    ['0.1.9', 'minor', '0.2.0'],
    ['0.9.9', 'major', '1.0.0'],
    ['1.0.0-rc.1', 'patch', '1.0.0'],
    ['0.1.0', '0.10.0', '0.10.0'],
    ['0.9.0', '0.10.0-rc.1', '0.10.0-rc.1'],
    ['1.0.0-rc.1', '1.0.0', '1.0.0'],
    ['1.0.0-rc.1', '1.0.0-rc.2', '1.0.0-rc.2'],
  ])('after %s, asked for %s, is %s', (current, wanted, next) => {
    expect(nextVersion(current, wanted)).toBe(next);
  });

  it.each([
    ['0.2.0', '0.2.0'],
    ['0.10.0', '0.9.9'],
    ['1.0.0', '1.0.0-rc.1'],
  ])('after %s is not %s', (current, wanted) => {
    expect(() => nextVersion(current, wanted)).toThrow(`${wanted} is not later than ${current}`);
  });

  it.each(['1.2', 'v1.2.3', 'next', '1.2.3; rm -rf /'])('is not %s', (wanted) => {
    expect(() => nextVersion('0.1.0', wanted)).toThrow('is no version');
  });
});

describe('the changelog', () => {
  const text =
    '# Changelog\n\nHow.\n\n## Unreleased\n\n### Added\n\n- This.\n\n## 0.1.0 - 2026-01-02\n\n- That.\n';

  it('has what was unreleased under the version, and an empty section for what comes', () => {
    expect(cutChangelog(text, '0.2.0', '2026-03-04').changelog).toBe(
      '# Changelog\n\nHow.\n\n## Unreleased\n\n## 0.2.0 - 2026-03-04\n\n### Added\n\n- This.\n\n## 0.1.0 - 2026-01-02\n\n- That.\n',
    );
  });

  it('gives the release notes', () => {
    expect(cutChangelog(text, '0.2.0', '2026-03-04').notes).toBe('### Added\n\n- This.\n');
  });

  it('may have no release before', () => {
    const first = cutChangelog('# Changelog\n\n## Unreleased\n\n- All.\n', '0.1.0', '2026-03-04');
    expect(first.changelog).toBe('# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-03-04\n\n- All.\n');
  });

  it.each([
    ['# Changelog\n', 'no section'],
    ['# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- That.\n', 'nothing to release'],
  ])('cannot be cut when it is %j', (bad, why) => {
    expect(() => cutChangelog(bad, '0.2.0', '2026-03-04')).toThrow(why);
  });
});

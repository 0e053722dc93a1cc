/** A version as Semantic Versioning 2.0.0 has it, without build metadata. */
const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/;

const PARTS = ['major', 'minor', 'patch'] as const;
type Part = (typeof PARTS)[number];
const isPart = (text: string): text is Part => PARTS.some((part) => part === text);

function numbers(version: string): [number, number, number, string | undefined] {
  const [, major, minor, patch, pre] = VERSION.exec(version) ?? [];
  if (major === undefined)
    throw new Error(
      `${JSON.stringify(version)} is no version; give MAJOR.MINOR.PATCH, or major, minor or patch`,
    );
  return [Number(major), Number(minor), Number(patch), pre];
}

/**
 * The version to release: the one that is wanted, or the next major, minor or patch one.
 * @throws Error when it is none, or not later than the current one
 */
export function nextVersion(current: string, wanted: string): string {
  const [major, minor, patch, pre] = numbers(current);
  if (isPart(wanted)) {
    if (wanted === 'major') return `${major + 1}.0.0`;
    if (wanted === 'minor') return `${major}.${minor + 1}.0`;
    // 1.0.0 comes after 1.0.0-rc.1.
    return pre === undefined ? `${major}.${minor}.${patch + 1}` : `${major}.${minor}.${patch}`;
  }
  const next = numbers(wanted);
  const at = [0, 1, 2].find((index) => next[index] !== [major, minor, patch][index]);
  const isLater =
    at === undefined
      ? pre !== undefined && next[3] !== pre
      : Number(next[at]) > Number([major, minor, patch][at]);
  if (!isLater) throw new Error(`${wanted} is not later than ${current}`);
  return wanted;
}

export interface CutChangelog {
  /** With what was unreleased under the version, and an empty `Unreleased` above it. */
  readonly changelog: string;
  /** What was unreleased: the release notes. */
  readonly notes: string;
}

/**
 * Moves what stands under `Unreleased` to a version.
 * @param date of the release, YYYY-MM-DD
 * @throws Error when there is no such section, or nothing in it
 */
export function cutChangelog(text: string, version: string, date: string): CutChangelog {
  const heading = '## Unreleased\n';
  const at = text.indexOf(heading);
  if (at === -1) throw new Error('CHANGELOG.md has no section "## Unreleased"');
  const begin = at + heading.length;
  const next = text.indexOf('\n## ', begin);
  const end = next === -1 ? text.length : next + 1;
  const notes = text.slice(begin, end).trim();
  if (!/^- /m.test(notes))
    throw new Error('CHANGELOG.md has nothing under "## Unreleased": there is nothing to release');
  return {
    changelog: `${text.slice(0, begin)}\n## ${version} - ${date}\n\n${notes}\n${next === -1 ? '' : `\n${text.slice(end)}`}`,
    notes: `${notes}\n`,
  };
}

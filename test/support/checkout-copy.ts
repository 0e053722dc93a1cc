import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findCheckout } from '../../bridge/launch/checkout.js';

const run = promisify(execFile);

/** A repository of its own with the files of this checkout as they are now, committed on `main`. */
export interface CheckoutCopy {
  readonly top: string;
  /** What git prints there. */
  git(...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** A checkout that a test may build in and change, beside others that use this one. Its packages are those of this one. */
export async function copyCheckout(): Promise<CheckoutCopy> {
  const { top: here } = findCheckout();
  const folder = await mkdtemp(join(tmpdir(), 'activemq-bridge-copy-'));
  const top = join(folder, 'checkout');
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  const git = async (...args: readonly string[]) =>
    (await run('git', [...identity, ...args], { cwd: top, maxBuffer: 16 << 20 })).stdout.trim();
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: here,
    maxBuffer: 16 << 20,
  });
  for (const path of stdout.split('\0').filter((one) => one !== '')) {
    await mkdir(join(top, dirname(path)), { recursive: true });
    // A file that git knows may be removed and not committed yet.
    await cp(join(here, path), join(top, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await symlink(join(here, 'node_modules'), join(top, 'node_modules'), 'dir');
  await git('init', '--quiet', '--initial-branch=main');
  // .gitignore means the folder: a link of that name is something else to git.
  await writeFile(join(top, '.git', 'info', 'exclude'), 'node_modules\n');
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'All of it');
  return { top, git, remove: () => rm(folder, { recursive: true, force: true }) };
}

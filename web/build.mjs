// Bundles the chat page into dist/web: one script, one style sheet, one page.
import { cp, mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Builds the page into `outdir` (by default dist/web). Rejects when a source does not compile. */
export async function buildPage(outdir = here('../dist/web')) {
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  await build({
    absWorkingDir: here('..'),
    entryPoints: ['web/chat.ts'],
    outdir,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: ['es2022'],
    minify: true,
    sourcemap: true,
    legalComments: 'linked',
    logLevel: 'warning',
  });
  for (const file of ['index.html', 'style.css', 'icon.svg']) await cp(here(file), `${outdir}/${file}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage();

// Bundles the chat page and the dashboard into dist/web: of each one script and one page; the dashboard has a style sheet on top.
import { cp, mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Builds the pages into `outdir` (by default dist/web). Rejects when a source does not compile. */
export async function buildPage(outdir = here('../dist/web')) {
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  await build({
    absWorkingDir: here('..'),
    entryPoints: ['web/chat.ts', 'web/dashboard.ts'],
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
  const files = ['index.html', 'dashboard.html', 'style.css', 'dashboard.css', 'icon.svg'];
  for (const file of files) await cp(here(file), `${outdir}/${file}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage();

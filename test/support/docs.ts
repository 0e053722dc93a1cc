import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';

/** The top of the checkout. */
export const TOP = fileURLToPath(new URL('../../', import.meta.url));

/** Every page for people, as a path from the top. */
export async function pages(): Promise<string[]> {
  const pagesIn = async (folder: string) =>
    (await readdir(join(TOP, folder), { recursive: true }))
      .filter((name) => name.endsWith('.md') && !/(?:^|\/)(?:node_modules|target)\//.test(name))
      .map((name) => `${folder}/${name}`);
  const folders = await Promise.all(['docs', 'examples', 'mappings', 'docker', 'bench'].map(pagesIn));
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', ...folders.flat()];
}

const FENCED = /^ *```[\s\S]*?^ *```$/gm;

/** Links to our own files and headings; `file` is empty for the same page. */
export function linksOf(markdown: string): { readonly file: string; readonly heading?: string }[] {
  const links = markdown.replace(FENCED, '').matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g);
  return [...links].map(([, file = '', heading]) => ({
    file,
    ...(heading === undefined ? {} : { heading }),
  }));
}

/** The names by which a page's headings are linked to. */
export function headingsOf(markdown: string): ReadonlySet<string> {
  const slugger = new GithubSlugger();
  const headings = markdown.replace(FENCED, '').matchAll(/^#{1,6} +(.+?) *#*$/gm);
  return new Set(
    [...headings].map(([, text = '']) => slugger.slug(text.replaceAll(/[`*]|\]\([^)]*\)|\[/g, ''))),
  );
}

/** The command lines in a page's blocks of shell, without what is said about them, and those of the bridge within its sentences. */
export function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(([, text = '']) => text);
  const inline = [...markdown.replaceAll(FENCED, '').matchAll(/`([^`\n]*npm run [^`\n]*)`/g)];
  const lines = blocks.flatMap((text) => text.replaceAll(/\\\n */g, ' ').split('\n'));
  return [...lines, ...inline.map(([, text = '']) => text)]
    .map((line) => line.replace(/ +# .*/, '').trim())
    .filter((line) => line !== '');
}

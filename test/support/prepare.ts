import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchActiveMq } from '../../bridge/launch/activemq.js';
import { findCheckout } from '../../bridge/launch/checkout.js';
import { fetchArtemis } from './brokers/artemis.js';
import { mavenPackage } from './maven.js';

/** Run by setup.mjs before the tests, so that no test waits for a download. */

const say = (line: string) => console.log(`setup: ${line}`);
const { top, cache } = findCheckout();

async function javaProjects(): Promise<string[]> {
  const examples = await readdir(join(top, 'examples')).catch(() => []);
  const folders = [
    join(top, 'test', 'support', 'java'),
    ...examples.map((name) => join(top, 'examples', name)),
  ];
  return folders.filter((folder) => existsSync(join(folder, 'pom.xml')));
}

/** The jar a pom makes: its `finalName`. */
async function jarOf(folder: string): Promise<string> {
  const pom = await readFile(join(folder, 'pom.xml'), 'utf8');
  const name = /<finalName>([^<]+)<\/finalName>/.exec(pom)?.[1];
  if (name === undefined) throw new Error(`${folder}/pom.xml has no finalName`);
  return `${name}.jar`;
}

await fetchActiveMq({ cacheDir: cache, say });
await fetchArtemis(say);
for (const folder of await javaProjects()) {
  say(`Java programs of ${folder.slice(top.length + 1)} …`);
  await mavenPackage(folder, await jarOf(folder));
}

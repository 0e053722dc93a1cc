import { execFile } from 'node:child_process';
import { javaCommand } from './activemq.js';

/** Programs on this machine that can run the broker. */
export interface Tools {
  /** Java's feature version, for example 17. */
  readonly java: number | undefined;
  readonly maven: boolean;
  /** An engine that answers and knows `docker compose`. */
  readonly docker: boolean;
}

/** What runs the broker. */
export type Runtime =
  | { readonly kind: 'java' }
  | { readonly kind: 'docker'; readonly because: string }
  | { readonly kind: 'none'; readonly lines: readonly string[] };

/** ActiveMQ Classic 6 is compiled for it. */
const OLDEST_JAVA = 17;

/** `jarsCached`: the jars were fetched before, so Maven is not needed. Docker is looked for only when Java will not do. */
export async function chooseRuntime(
  jarsCached: boolean,
  find: { tools(): Promise<Omit<Tools, 'docker'>>; docker(): Promise<boolean> } = { tools, docker },
): Promise<Runtime> {
  const found = await find.tools();
  const missing = whatJavaLacks(found, jarsCached);
  if (missing === undefined) return { kind: 'java' };
  if (await find.docker()) return { kind: 'docker', because: missing };
  return {
    kind: 'none',
    lines: [
      `${missing}, and no Docker engine answers`,
      `install a JDK ${OLDEST_JAVA} or newer and Maven (Debian and Ubuntu: apt install default-jdk-headless maven; ` +
        'macOS: brew install openjdk maven),',
      'or Docker with its compose plugin, and run this again',
    ],
  };
}

function whatJavaLacks({ java, maven }: Omit<Tools, 'docker'>, jarsCached: boolean): string | undefined {
  if (java === undefined) return maven || jarsCached ? 'Java is missing' : 'Java and Maven are missing';
  if (java < OLDEST_JAVA) return `Java ${java} is too old (ActiveMQ needs ${OLDEST_JAVA})`;
  return maven || jarsCached ? undefined : 'Java is here, but Maven (mvn) is missing';
}

/** The feature version in what `java -version` prints: 17 of "17.0.15", 8 of "1.8.0_402". */
export function javaVersion(printed: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(printed);
  return match === null ? undefined : Number(match[1]);
}

async function tools(): Promise<Omit<Tools, 'docker'>> {
  const [java, maven] = await Promise.all([
    output(javaCommand(process.env), ['-version']),
    output('mvn', ['--version']),
  ]);
  return { java: java === undefined ? undefined : javaVersion(java), maven: maven !== undefined };
}

async function docker(): Promise<boolean> {
  const answers = await Promise.all([output('docker', ['info']), output('docker', ['compose', 'version'])]);
  return answers.every((answer) => answer !== undefined);
}

/** Both streams of a program that ends well within 20 s, else undefined. */
function output(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve(error === null ? stdout + stderr : undefined);
    });
  });
}

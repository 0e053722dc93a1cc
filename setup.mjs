// Runs before `npm start` and, with --test, before `npm test`: does what is still to do on this machine. Plain Node,
// because nothing is installed when it starts.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
const OLDEST_JAVA = 17;
const TOP = fileURLToPath(new URL('.', import.meta.url));
/** Written after a build that succeeded. */
const BUILT = join(TOP, 'dist', '.built');

/** What the tests run, and the package that brings it on Debian and Ubuntu. */
const PROGRAMS = [
  { program: 'javac', names: ['javac'], debian: 'default-jdk-headless' },
  { program: 'mvn', names: ['mvn'], debian: 'maven' },
  { program: 'mosquitto', names: ['mosquitto'], debian: 'mosquitto' },
  { program: 'openssl', names: ['openssl'], debian: 'openssl' },
  { program: 'mosquitto_pub', names: ['mosquitto_pub'], debian: 'mosquitto-clients' },
  { program: 'chromium', names: ['chromium'], debian: 'chromium', override: 'CHROMIUM_PATH' },
];

function say(line) {
  console.log(`setup: ${line}`);
}

function fail(...lines) {
  for (const line of lines) console.error(`setup: ${line}`);
  process.exit(1);
}

/** Runs a program in the checkout, its output with ours; ends us if it fails. */
function run(what, command, args, env = process.env) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: TOP,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error !== undefined) fail(`${what}: cannot run ${command}: ${error.message}`);
  if (status !== 0) fail(`${what} failed (${signal ?? `exit code ${status}`})`);
}

/** npm says to its scripts which program it is. */
function npm(what, ...args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) run(what, process.execPath, [cli, ...args]);
  else run(what, 'npm', args);
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The latest change of a file, or of anything in a folder, removals included. */
function newest(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function checkNode() {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) return;
  fail(`Node ${OLDEST_NODE} or newer is needed; this is ${process.versions.node}`);
}

function installPackages() {
  const installed = modified(join(TOP, 'node_modules', '.package-lock.json'));
  if (installed >= modified(join(TOP, 'package-lock.json'))) return;
  say('installing npm packages …');
  npm('npm ci', 'ci', '--include=dev', '--no-audit', '--no-fund');
}

function build() {
  const sources = ['bridge', 'web', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  const latest = Math.max(...sources.map((name) => newest(join(TOP, name))));
  if (modified(BUILT) > latest) return;
  say('building …');
  npm('the build', 'run', '--silent', 'build');
  mkdirSync(join(TOP, 'dist'), { recursive: true });
  writeFileSync(BUILT, '');
}

/** Also where Debian puts servers, which ordinary accounts do not search. */
function find({ names, override }) {
  if (override !== undefined && process.env[override]) return process.env[override];
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  if (process.env.JAVA_HOME) folders.unshift(join(process.env.JAVA_HOME, 'bin'));
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function installPrograms() {
  const missing = () => PROGRAMS.filter((wanted) => find(wanted) === undefined);
  const first = missing();
  if (first.length === 0) return;
  const names = first.map(({ program }) => program).join(', ');
  const packages = first.map(({ debian }) => debian);
  const root = asRoot();
  if (root === undefined) {
    fail(
      `the tests need ${names}; install them and run this again`,
      `Debian and Ubuntu: apt-get install ${packages.join(' ')}`,
    );
  }
  say(`the tests need ${names}: installing ${packages.join(' ')} with apt-get …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => run('apt-get', ...split([...root, 'apt-get', '-qq', ...args]), env);
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
  const still = missing();
  if (still.length > 0)
    fail(`still missing after apt-get: ${still.map(({ program }) => program).join(', ')}`);
}

function split([command, ...args]) {
  return [command, args];
}

/** What to put before a command that needs root; undefined where apt-get or the right to use it is missing. */
function asRoot() {
  if (!existsSync('/etc/debian_version') || find({ names: ['apt-get'] }) === undefined) return undefined;
  if (process.getuid?.() === 0) return [];
  // -n: without a password, or not at all.
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

function checkJava() {
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java';
  const printed = spawnSync(java, ['-version'], { encoding: 'utf8' }).stderr ?? '';
  const version = Number(/version "(\d+)/.exec(printed)?.[1]);
  if (version >= OLDEST_JAVA) return;
  fail(
    `a JDK ${OLDEST_JAVA} or newer is needed; ${java} ${version > 0 ? `is version ${version}` : 'does not run'}`,
  );
}

checkNode();
installPackages();
build();
if (process.argv.includes('--test')) {
  installPrograms();
  checkJava();
  run('fetching what the tests need', process.execPath, [
    '--import',
    'tsx',
    join('test', 'support', 'prepare.ts'),
  ]);
}

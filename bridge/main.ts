#!/usr/bin/env node
import './quiet-libraries.js';
import { terminalIsGone } from './cli/hangup.js';
import { onInterrupt } from './cli/interrupt.js';
import { makeRoomForMessages, startSmall } from './heap.js';

startSmall();

// npm runs a script in the package's folder; the paths on its command line are meant from where the person is.
if (process.env.npm_lifecycle_event === 'bridge' && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);

// A reader that goes away (`… | head`) is no failure of ours.
process.stdout.on('error', () => {});

const stop = new AbortController();
onInterrupt(
  process,
  (signal) => stop.abort(signal),
  () => process.exit(1),
);

let onHangup: (() => void) | undefined;
const hadTerminal = process.stderr.isTTY === true;
process.on('SIGHUP', () => {
  if (onHangup === undefined || terminalIsGone(hadTerminal)) stop.abort('SIGHUP');
  else onHangup();
});

// Only now: what is imported at the top is loaded before any statement.
const { runCli } = await import('./cli/program.js');
makeRoomForMessages();
const exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  terminal: hadTerminal,
  stop: stop.signal,
  onHangup: (listener) => {
    onHangup = listener;
  },
  say: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
});
// Not left to an empty event loop: a socket that a library forgot must not keep the process.
process.stdout.write('', () => process.exit(exitCode));

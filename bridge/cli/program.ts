import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { BridgeError } from '../errors.js';
import { findCheckout } from '../launch/checkout.js';
import { createLog, type Log, type LogFormat, type LogLevel } from '../observability/log.js';
import { type Context, EXIT, type ExitCode } from './context.js';
import {
  DEAD_LETTER_ACTIONS,
  type DeadLetterAction,
  type DeadLettersOptions,
  deadLetters,
} from './dead-letters.js';
import { diff } from './diff.js';
import { type ExplainOptions, explain } from './explain.js';
import { run } from './run.js';
import { schema } from './schema.js';
import { test } from './test.js';
import { up } from './up.js';
import { type ValidateOptions, validate } from './validate.js';

interface LogOptions {
  readonly logFormat?: LogFormat;
  readonly logLevel: LogLevel;
}

function version(): string {
  const text = readFileSync(join(findCheckout().top, 'package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

/**
 * Carries out one command line, without the leading `node main.js`, and resolves to the exit code.
 * Never rejects: what went wrong was told to `context.complain`, without a stack trace if it is the user's to mend.
 */
export async function runCli(args: readonly string[], context: Context): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  const program = new Command('activemq-bridge')
    .description('Bridges MQTT chat clients and JMS applications through Apache ActiveMQ.')
    .version(version())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => context.say(text.trimEnd()),
      writeErr: (text) => context.complain(text.trimEnd()),
    })
    .addOption(
      new Option('--log-format <format>', 'form of the log lines (default: text on a terminal, else json)')
        .choices(['json', 'text'])
        .env('BRIDGE_LOG_FORMAT'),
    )
    .addOption(
      new Option('--log-level <level>', 'least severe events to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .env('BRIDGE_LOG_LEVEL')
        .default('info'),
    );
  const log = (): Log => {
    const { logFormat, logLevel } = program.opts<LogOptions>();
    return createLog(logFormat ?? (context.terminal ? 'text' : 'json'), logLevel);
  };

  program
    .command('up')
    .description('start a real ActiveMQ, the bridge and the chat page on this machine, to try things out')
    .option(
      '--data <dir>',
      "where the broker keeps its messages (default: .cache/data in the bridge's folder)",
    )
    .action(async (options: { data?: string }) => {
      exitCode = await up({ ...options, log: log() }, context);
    });
  program
    .command('run')
    .description('run the bridge with a mapping file')
    .argument('<file>', 'mapping file (YAML)')
    .action(async (file: string) => {
      exitCode = await run(file, log(), context);
    });
  program
    .command('validate')
    .description('check a mapping file and print every problem as FILE:LINE:COLUMN')
    .argument('<file>', 'mapping file (YAML)')
    .addOption(
      new Option('--format <format>', 'text for people, or one JSON document for machines')
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(async (file: string, options: ValidateOptions) => {
      exitCode = await validate(file, options, context);
    });
  program
    .command('explain')
    .description('tell what each rule would do with a message, without any broker')
    .argument('<file>', 'mapping file (YAML)')
    .argument('<address>', 'where it comes from: chat/lobby/messages, queue:orders, topic:rooms.lobby')
    .option('--body <text>', 'its body, text or JSON')
    .option('--property <name=value...>', 'JMS properties')
    .option('--header <name=value...>', 'what rules see as message.NAME: type, correlationId, qos, …')
    .option(
      '--broker <name>',
      'the broker it comes from; may be left out when there is only one, or one where a route reads it',
    )
    .action(async (file: string, address: string, options: ExplainOptions) => {
      exitCode = await explain(file, address, options, context);
    });
  program
    .command('test')
    .description('run the tests in a mapping file and in NAME.test.yaml beside it, without any broker')
    .argument('<file>', 'mapping file (YAML)')
    .action(async (file: string) => {
      exitCode = await test(file, context);
    });
  program
    .command('dead-letters')
    .description('list what could not be delivered, send it after all, or remove it')
    .argument('<file>', 'mapping file (YAML)')
    .addArgument(new Argument('<action>', 'what to do').choices(DEAD_LETTER_ACTIONS))
    .option('--id <id>', 'only this one')
    .option('--route <name>', 'only those of this route')
    .option('--reason <code>', 'only those with this reason')
    .option('--all', 'for replay and drop: all of them')
    .option('--limit <count>', 'for list: how many of each queue, at most', readLimit, 100)
    .addOption(new Option('--format <format>', 'for list').choices(['text', 'json']).default('text'))
    .action(async (file: string, action: DeadLetterAction, options: DeadLettersOptions) => {
      exitCode = await deadLetters(file, action, options, context);
    });
  program
    .command('diff')
    .description('tell what a new mapping file changes: routes, brokers, and which messages go other ways')
    .argument('<old>', 'mapping file (YAML)')
    .argument('<new>', 'mapping file (YAML)')
    .action(async (old: string, now: string) => {
      exitCode = await diff(old, now, context);
    });
  program
    .command('schema')
    .description('print the JSON Schema of mapping files')
    .action(() => schema(context));

  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return tellWhy(error, context);
  }
}

function readLimit(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 9999.');
  return Number(text);
}

/** Commander has printed its own message by the time it throws. */
function tellWhy(error: unknown, context: Context): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUse;
  if (error instanceof BridgeError) {
    context.complain(`error: ${error.message}`);
    for (const line of error.details) context.complain(`  ${line}`);
    return error.code === 'configuration-invalid' ? EXIT.wrongUse : EXIT.failed;
  }
  context.complain(
    `error (a bug, please report it): ${(error instanceof Error && error.stack) || String(error)}`,
  );
  return EXIT.failed;
}

import {
  type DeadLetterFilter,
  deadLetterQueues,
  dropDeadLetters,
  type Handled,
  listDeadLetters,
  replayDeadLetters,
} from '../dead-letters.js';
import { BridgeError } from '../errors.js';
import type { DeadLetter } from '../flow/dead-letter.js';
import { type Context, EXIT, type ExitCode } from './context.js';
import { loadMapping } from './mapping.js';

export const DEAD_LETTER_ACTIONS = ['list', 'replay', 'drop'] as const;
export type DeadLetterAction = (typeof DEAD_LETTER_ACTIONS)[number];

export interface DeadLettersOptions extends DeadLetterFilter {
  /** Without a filter, replay and drop want to be told that all are meant. */
  readonly all?: boolean;
  readonly format: 'text' | 'json';
  /** How many to list. */
  readonly limit: number;
}

/** Characters of a body that are shown. */
const SHOWN = 200;

/** Lists the dead letters of a mapping file's queues, sends them after all, or removes them. */
export async function deadLetters(
  file: string,
  action: DeadLetterAction,
  options: DeadLettersOptions,
  context: Context,
): Promise<ExitCode> {
  const { say, complain, stop } = context;
  const config = await loadMapping(file, context.env, complain);
  if (deadLetterQueues(config).length === 0)
    throw new BridgeError(
      'configuration-invalid',
      `${file} has no dead-letter queue on a broker with queues`,
    );
  if (action === 'list') {
    const letters = await listDeadLetters(config, options, options.limit, stop);
    for (const line of options.format === 'json' ? [asJson(letters)] : asText(letters)) say(line);
    return EXIT.done;
  }
  const { all, id, route, reason } = options;
  if (all !== true && [id, route, reason].every((one) => one === undefined))
    throw new BridgeError(
      'configuration-invalid',
      `say which ones to ${action}: --id ID, --route NAME, --reason CODE, or --all`,
    );
  const done = action === 'replay' ? 'replayed' : 'dropped';
  let handled = 0;
  let stayed = 0;
  const onHandled = ({ letter, problem }: Handled) => {
    if (problem === undefined) {
      handled++;
      say(`${done}: ${headline(letter)}`);
    } else {
      stayed++;
      complain(`stays: ${headline(letter)}: ${problem}`);
    }
  };
  const act = action === 'replay' ? replayDeadLetters : dropDeadLetters;
  const { isComplete } = await act(config, options, onHandled, stop);
  if (!isComplete)
    complain('more dead letters stand behind those that stay; --reason and --route choose among them');
  say(`${handled} ${done}${stayed === 0 ? '' : `, ${stayed} stay`}`);
  return stayed === 0 ? EXIT.done : EXIT.failed;
}

function headline({ time, route, reason, source, destination }: DeadLetter): string {
  return `${time} ${route} ${reason}, from ${source}${destination === undefined ? '' : ` to ${destination}`}`;
}

function asText(letters: readonly DeadLetter[]): string[] {
  if (letters.length === 0) return ['no dead letters'];
  return letters.flatMap((letter) => {
    const { id, attempts, error, original } = letter;
    const name = id === undefined ? [] : [`  id: ${id}`];
    const body = original === undefined ? [] : [`  body: ${shown(original.body)}`];
    return [
      headline(letter),
      `  ${error}${attempts > 1 ? ` (sent ${attempts} times)` : ''}`,
      ...name,
      ...body,
    ];
  });
}

function asJson(letters: readonly DeadLetter[]): string {
  const plain = letters.map(({ original, ...letter }) => ({
    ...letter,
    ...(original === undefined
      ? {}
      : {
          body: String(original.body),
          properties: Object.fromEntries(
            [...original.properties].map(([name, value]) => [name, String(value)]),
          ),
        }),
  }));
  return JSON.stringify(plain, undefined, 2);
}

/** One line that is safe to print, whatever the sender put there. */
function shown(body: unknown): string {
  const text = String(body);
  const start = JSON.stringify(text.slice(0, SHOWN));
  return text.length > SHOWN ? `${start} … (${text.length} characters)` : start;
}

import { byId, make } from '../view/element.js';
import { focusWhereItScrolls, keyedList, type Shown, setText } from '../view/keyed.js';
import { icon } from '../view/svg.js';
import { timeText } from '../view/time.js';
import type { Problem } from './answers.js';
import { plural, problemParts } from './words.js';

/** The last warnings and errors of the bridge, the latest first; the same again and again is one with a count. */
export function problemsView(): (problems: readonly Problem[]) => void {
  const empty = byId('problems-empty', HTMLElement);
  const note = byId('problems-note', HTMLElement);
  const box = byId('problems', HTMLElement);
  const list = keyedList<Problem>(box, keyOf, problemElement);
  return (problems) => {
    empty.hidden = problems.length > 0;
    setText(note, problems.length > 0 ? 'the latest first' : '');
    list(problems);
    focusWhereItScrolls(box);
  };
}

/** Those that the bridge counts together have the same. */
function keyOf({ level, event, fields }: Problem): string {
  const { route, session, broker, protocol, code, path, text } = fields;
  return JSON.stringify([level, event, route, session, broker, protocol, code, path, text]);
}

const LEVELS = { warn: 'Warning', error: 'Error' } as const;

function problemElement({ level, event }: Problem): Shown<Problem> {
  const count = make('span', 'count');
  const time = make('time', 'time');
  const where = make('p', 'problem-where');
  const why = make('p', 'problem-why');
  const head = make(
    'div',
    'problem-head',
    make('span', 'level', icon(level === 'warn' ? 'waiting' : 'down'), LEVELS[level]),
    make('strong', 'event', event),
    count,
    time,
  );
  const element = make('li', 'problem-item', head, where, why);
  element.dataset.level = level;
  return {
    element,
    update(problem) {
      const parts = problemParts(problem);
      setText(where, parts.where);
      setText(why, parts.why);
      where.hidden = parts.where === '';
      why.hidden = parts.why === '';
      setText(count, problem.count > 1 ? `×${problem.count.toLocaleString('en')}` : '');
      count.title = plural(problem.count, 'time');
      time.dateTime = problem.at;
      setText(time, timeText(new Date(problem.at)));
    },
  };
}

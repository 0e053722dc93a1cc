import { byId, make } from '../view/element.js';
import { keyedList, setText } from '../view/keyed.js';
import { icon } from '../view/svg.js';
import { timeElement } from '../view/time.js';
import type { DeadLetter, DeadLetters, Handled, Overview, Which } from './answers.js';
import { bodyElement } from './body.js';
import { type Bridge, Refusal } from './bridge.js';
import { confirmer } from './confirm.js';
import { bytesText, REASON_CODES, reasonText } from './words.js';

export interface LettersView {
  /** With each overview: what is allowed, and whether there are new dead letters. */
  show(overview: Overview): void;
  /** The bridge does not take the token. */
  tokenRefused(text: string): void;
}

export interface LettersOptions {
  readonly bridge: Bridge;
  /** Somebody has typed a token. Rejects with what to say about it. */
  readonly onToken: (token: string) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

const FIRST = 20;
const MOST = 500;

/** The dead letters with their reasons; with the admin token they can be replayed and dropped. */
export function lettersView({ bridge, onToken, onFailure }: LettersOptions): LettersView {
  const form = byId('token-form', HTMLFormElement);
  const token = byId('token', HTMLInputElement);
  const tokenProblem = byId('token-problem', HTMLElement);
  const off = byId('admin-off', HTMLElement);
  const open = byId('letters', HTMLElement);
  const note = byId('letters-note', HTMLElement);
  const result = byId('letters-result', HTMLElement);
  const empty = byId('letters-empty', HTMLElement);
  const more = byId('letters-more', HTMLButtonElement);
  const route = byId('letters-route', HTMLSelectElement);
  const reason = byId('letters-reason', HTMLSelectElement);
  const refresh = byId('letters-refresh', HTMLButtonElement);
  const replayAll = byId('replay-all', HTMLButtonElement);
  const dropAll = byId('drop-all', HTMLButtonElement);
  const confirm = confirmer();
  const list = keyedList<Keyed>(
    byId('letters-list', HTMLElement),
    ({ key }) => key,
    ({ letter }) => ({
      element: letterElement(letter, (verb) => void handleOne(verb, letter)),
      update: () => {},
    }),
  );
  const unread = keyedList<string>(
    byId('letters-unread', HTMLElement),
    (text) => text,
    (text) => ({ element: make('li', 'problem', text), update: () => {} }),
  );
  let limit = FIRST;
  let granted = false;
  let counted = -1;
  let loading = false;
  let again = false;
  let busy = false;

  const filter = () => ({
    ...(route.value === '' ? {} : { route: route.value }),
    ...(reason.value === '' ? {} : { reason: reason.value }),
  });

  const load = async () => {
    if (loading) {
      again = true;
      return;
    }
    loading = true;
    try {
      do {
        again = false;
        draw(await bridge.deadLetters(filter(), limit));
      } while (again && granted);
    } catch (error) {
      if (error instanceof Refusal && error.isOfToken) onFailure(error);
      else setText(result, textOf(error));
    } finally {
      loading = false;
    }
  };

  const draw = ({ letters, more: hasMore, unread: missing }: DeadLetters) => {
    if (!granted) return;
    list(withKeys(letters));
    unread(
      missing.map(({ broker, queue, reason: why }) => `Queue ${queue} on ${broker} cannot be read: ${why}`),
    );
    const isFiltered = Object.keys(filter()).length > 0;
    empty.hidden = letters.length > 0 || missing.length > 0;
    setText(
      empty,
      isFiltered
        ? 'No dead letter is like that.'
        : 'None. What can never be delivered as ruled waits here, with the reason.',
    );
    setText(note, letters.length === 0 ? '' : hasMore ? `the oldest ${letters.length}` : `${letters.length}`);
    more.hidden = !hasMore || limit >= MOST;
    // While nothing is there, what is for all of it does nothing.
    replayAll.disabled = dropAll.disabled = busy || letters.length === 0;
    const which = isFiltered ? 'these' : 'all';
    setText(replayAll, `Replay ${which}`);
    setText(dropAll, `Drop ${which}`);
  };

  const handle = async (verb: 'replay' | 'drop', which: Which) => {
    if (busy) return;
    busy = true;
    open.classList.add('busy');
    setText(result, verb === 'replay' ? 'Replaying…' : 'Dropping…');
    try {
      setText(result, outcome(verb, await bridge.handle(verb, which)));
    } catch (error) {
      if (error instanceof Refusal && error.isOfToken) onFailure(error);
      else setText(result, textOf(error));
    } finally {
      busy = false;
      open.classList.remove('busy');
    }
    await load();
  };

  const handleOne = async (verb: 'replay' | 'drop', letter: DeadLetter) => {
    if (letter.id === undefined) return;
    const agreed = await confirm(
      verb === 'replay'
        ? {
            title: 'Replay this dead letter?',
            text: `Its message goes ${letter.destination === undefined ? 'to every destination' : `to ${letter.destination}`}, by route ${letter.route} as it is now. The dead letter is removed when that is confirmed.`,
            yes: 'Replay',
            isDangerous: false,
          }
        : {
            title: 'Drop this dead letter?',
            text: `The message from ${letter.source} is gone for good then.`,
            yes: 'Drop',
            isDangerous: true,
          },
    );
    if (agreed) await handle(verb, { id: letter.id });
  };

  const handleAll = async (verb: 'replay' | 'drop') => {
    const which = filter();
    const words = [
      which.route === undefined ? '' : ` of route ${which.route}`,
      which.reason === undefined ? '' : ` with the reason ${reasonText(which.reason)}`,
    ].join('');
    const what = words === '' ? 'all dead letters' : `all dead letters${words}`;
    const agreed = await confirm(
      verb === 'replay'
        ? {
            title: `Replay ${what}?`,
            text: 'Each is sent by its rule as it is now, also those that are not shown here, and removed when that is confirmed. What cannot be sent stays.',
            yes: 'Replay',
            isDangerous: false,
          }
        : {
            title: `Drop ${what}?`,
            text: 'They are gone for good then, also those that are not shown here.',
            yes: 'Drop',
            isDangerous: true,
          },
    );
    if (agreed) await handle(verb, Object.keys(which).length === 0 ? { all: true } : which);
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    setText(tokenProblem, '');
    onToken(token.value.trim()).then(
      () => {
        token.value = '';
      },
      (error: unknown) => {
        setText(tokenProblem, textOf(error));
        token.select();
      },
    );
  });
  const reload = () => {
    limit = FIRST;
    void load();
  };
  route.addEventListener('change', reload);
  reason.addEventListener('change', reload);
  refresh.addEventListener('click', () => {
    setText(result, '');
    void load();
  });
  more.addEventListener('click', () => {
    limit = Math.min(MOST, limit * 4);
    void load();
  });
  replayAll.addEventListener('click', () => void handleAll('replay'));
  dropAll.addEventListener('click', () => void handleAll('drop'));
  setOptions(reason, 'any reason', REASON_CODES, reasonText);

  return {
    show({ admin, routes }) {
      off.hidden = admin.available;
      form.hidden = !admin.available || admin.granted;
      open.hidden = !admin.granted;
      if (!admin.granted) {
        if (granted) list([]);
        granted = false;
        counted = -1;
        setText(note, '');
        return;
      }
      granted = true;
      setOptions(
        route,
        'any route',
        routes.map(({ name }) => name),
      );
      const now = routes.reduce((sum, { deadLettered }) => sum + deadLettered, 0);
      if (now !== counted) void load();
      counted = now;
    },
    tokenRefused(text) {
      setText(tokenProblem, text);
    },
  };
}

interface Keyed {
  readonly key: string;
  readonly letter: DeadLetter;
}

/** One that an older bridge made has no id. */
function withKeys(letters: readonly DeadLetter[]): Keyed[] {
  const seen = new Map<string, number>();
  return letters.map((letter) => {
    const text = letter.id ?? JSON.stringify(letter);
    const count = seen.get(text) ?? 0;
    seen.set(text, count + 1);
    return { key: `${text} ${count}`, letter };
  });
}

function setOptions(
  select: HTMLSelectElement,
  any: string,
  values: readonly string[],
  textOf = (value: string) => value,
): void {
  const key = JSON.stringify(values);
  if (select.dataset.values === key) return;
  const chosen = select.value;
  select.dataset.values = key;
  select.replaceChildren(
    new Option(any, ''),
    ...values.map((value) => new Option(textOf(value), value, false, value === chosen)),
  );
}

function outcome(verb: 'replay' | 'drop', { done, stay, stayed, isComplete }: Handled): string {
  const what = verb === 'replay' ? 'replayed' : 'dropped';
  if (done + stay === 0) return 'It is not there any more: somebody else has handled it.';
  const why = [...new Set(stayed.map(({ problem }) => problem))];
  const stays = stay === 0 ? '' : `, ${stay} ${stay === 1 ? 'stays' : 'stay'}: ${why.slice(0, 3).join('; ')}`;
  const behind = isComplete ? '' : ' More stand behind those that stay: choose a route or a reason.';
  return `${done} ${what}${stays}.${behind}`;
}

function letterElement(letter: DeadLetter, onVerb: (verb: 'replay' | 'drop') => void): HTMLLIElement {
  const { id, route, reason, error, attempts, time, destination, source, bytes, body } = letter;
  const facts = [bytesText(bytes), ...(attempts > 1 ? [`sent ${attempts} times`] : [])].join(' · ');
  const head = make(
    'div',
    'letter-head',
    make('strong', 'reason', icon('down'), reasonText(reason)),
    make('span', 'letter-route', route),
    timeElement(time),
  );
  const way = make('p', 'letter-way', make('bdi', 'source', source));
  if (destination !== undefined)
    way.append(icon('arrow'), make('span', 'off-screen', ' to '), make('bdi', 'destination', destination));
  const buttons = make('div', 'letter-buttons');
  if (id !== undefined)
    for (const [verb, text] of [
      ['replay', 'Replay'],
      ['drop', 'Drop'],
    ] as const) {
      const button = make('button', verb === 'drop' ? 'small danger' : 'small', text);
      button.type = 'button';
      button.addEventListener('click', () => onVerb(verb));
      buttons.append(button);
    }
  const content =
    body === undefined
      ? make('p', 'quiet', 'Only the beginning of the message was kept: it cannot be replayed.')
      : bodyElement(body);
  const item = make('li', 'letter', head, make('p', 'letter-error', error), way, content);
  item.append(make('div', 'letter-foot', make('span', 'quiet', facts), buttons));
  return item;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

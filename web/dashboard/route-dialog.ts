import { byId, make } from '../view/element.js';
import { keyedList, setText } from '../view/keyed.js';
import { timeElement } from '../view/time.js';
import type { End, Glimpse, Overview, Route } from './answers.js';
import { bodyElement } from './body.js';
import type { Bridge } from './bridge.js';
import { kindBadge, ROUTE_STATES } from './flow-view.js';
import { bytesText, countText, PROTOCOLS, plural } from './words.js';

export interface RouteDialog {
  open(name: string): void;
  show(overview: Overview): void;
}

/** Milliseconds between two looks at the messages. */
const PAUSE = 1_000;

const COUNTS: ReadonlyArray<readonly [keyof Route, string]> = [
  ['received', 'Received'],
  ['delivered', 'Delivered'],
  ['filtered', 'Left out by “where”'],
  ['duplicates', 'Duplicates left out'],
  ['inFlight', 'In flight'],
  ['retried', 'Retries'],
  ['deadLettered', 'Dead letters'],
  ['lost', 'Lost (at most once)'],
];

/** All about one route; and, for who has the token and where it is switched on, its messages as they come. */
export function routeDialog(bridge: Bridge): RouteDialog {
  const dialog = byId('route', HTMLDialogElement);
  const title = byId('route-name', HTMLElement);
  const state = byId('route-state', HTMLElement);
  const reason = byId('route-reason', HTMLElement);
  const ends = byId('route-ends', HTMLElement);
  const counts = byId('route-counts', HTMLElement);
  const toggle = byId('tail-toggle', HTMLButtonElement);
  const note = byId('tail-note', HTMLElement);
  const tail = byId('tail', HTMLOListElement);
  tail.tabIndex = 0;
  const showTail = keyedList<Glimpse>(
    tail,
    ({ number }) => String(number),
    (glimpse) => ({ element: glimpseElement(glimpse), update: () => {} }),
  );
  const values = COUNTS.map(([, label]) => {
    const value = make('dd', '');
    counts.append(make('div', '', make('dt', '', label), value));
    return value;
  });
  let name: string | undefined;
  let latest: Overview | undefined;
  let watching = 0;

  const draw = () => {
    const route = latest?.routes.find((one) => one.name === name);
    if (name === undefined || latest === undefined) return;
    setText(title, name);
    if (route === undefined) {
      setText(state, 'gone');
      return;
    }
    state.dataset.state = route.state === 'running' ? 'ready' : 'waiting';
    setText(state, ROUTE_STATES[route.state]);
    reason.hidden = route.reason === undefined;
    setText(reason, route.reason === undefined ? '' : `${route.reason.message} [${route.reason.code}]`);
    drawEnds(ends, route);
    COUNTS.forEach(([key], index) => {
      const value = values[index];
      if (value !== undefined) setText(value, countText(Number(route[key])));
    });
    const { granted, available, tail: isOn } = latest.admin;
    toggle.hidden = !granted || !isOn;
    if (watching === 0) setText(note, tailHint({ granted, available, isOn }));
  };

  /** Looks until another look begins or this one ends. */
  const watch = async (route: string, turn: number) => {
    while (watching === turn) {
      try {
        const { messages, seen } = await bridge.tail(route);
        if (watching !== turn) return;
        const atEnd = tail.scrollHeight - tail.scrollTop - tail.clientHeight < 40;
        showTail(messages);
        if (atEnd) tail.scrollTop = tail.scrollHeight;
        setText(
          note,
          seen === 0
            ? 'Nothing has come yet.'
            : `${plural(seen, 'message')} since you watch; the last ${messages.length} are shown.`,
        );
      } catch (error) {
        if (watching !== turn) return;
        setText(note, error instanceof Error ? error.message : String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  };

  let turns = 0;
  const setWatching = (on: boolean) => {
    watching = on ? ++turns : 0;
    toggle.setAttribute('aria-pressed', String(on));
    setText(toggle, on ? 'Stop watching' : 'Watch');
    tail.hidden = !on;
    if (!on) {
      showTail([]);
      draw();
    } else if (name !== undefined) void watch(name, watching);
  };
  toggle.addEventListener('click', () => setWatching(watching === 0));
  byId('route-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    setWatching(false);
    name = undefined;
  });
  // A click beside it closes it.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });

  return {
    open(route) {
      name = route;
      draw();
      dialog.showModal();
    },
    show(overview) {
      latest = overview;
      if (watching !== 0 && !overview.admin.granted) setWatching(false);
      draw();
    },
  };
}

function tailHint(admin: { granted: boolean; available: boolean; isOn: boolean }): string {
  if (!admin.available || !admin.isOn)
    return 'Switched off: the mapping file does not set http.admin.tail to true (and a token).';
  if (!admin.granted) return 'Needs the admin token: unlock it under “Dead letters”.';
  return 'The bridge looks at messages only while somebody watches.';
}

function drawEnds(list: HTMLElement, { from, to = [], deadLetter }: Route): void {
  const key = JSON.stringify([from, to, deadLetter]);
  if (list.dataset.ends === key) return;
  list.dataset.ends = key;
  const line = (label: string, all: readonly End[]) =>
    all.length === 0
      ? []
      : [
          make('dt', '', label),
          ...all.map((end) =>
            make(
              'dd',
              'end',
              kindBadge(end),
              make('span', 'end-name', end.name),
              make('span', 'end-broker', `${end.broker}, ${PROTOCOLS[end.protocol]}`),
            ),
          ),
        ];
  list.replaceChildren(
    ...line('Reads from', from === undefined ? [] : [from]),
    ...line('Writes to', to),
    ...line('Dead letters go to', deadLetter === undefined ? [] : [deadLetter]),
  );
}

function glimpseElement({ at, address, bytes, text }: Glimpse): HTMLLIElement {
  const head = make(
    'div',
    'glimpse-head',
    make('bdi', 'source', address),
    make('span', 'quiet', bytesText(bytes)),
    timeElement(at),
  );
  return make('li', 'glimpse', head, bodyElement(text));
}

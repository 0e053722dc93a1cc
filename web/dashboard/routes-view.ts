import { byId, make } from '../view/element.js';
import { keyedList, type Shown, setText } from '../view/keyed.js';
import { icon, setIcon } from '../view/svg.js';
import type { End, Overview, Route } from './answers.js';
import { flowView, kindBadge, MOST_DRAWN, ROUTE_STATES, routeIcon } from './flow-view.js';
import type { Rates } from './rates.js';
import { countText, plural, rateText } from './words.js';

export interface RoutesView {
  show(overview: Overview, rates: Rates): void;
}

/** The routes, as a picture and as a table; a search narrows both. */
export function routesView(onRoute: (name: string) => void): RoutesView {
  const search = byId('search', HTMLInputElement);
  const note = byId('flow-note', HTMLElement);
  const empty = byId('flow-empty', HTMLElement);
  const table = byId('routes', HTMLTableElement);
  const flow = flowView(onRoute);
  const rows = keyedList<RowOf>(
    byId('routes-body', HTMLElement),
    ({ route }) => route.name,
    ({ route }) => row(route.name, onRoute),
  );
  const panel = byId('routes-panel', HTMLElement);
  const views = byId('views', HTMLElement);
  const buttons = {
    picture: byId('view-picture', HTMLButtonElement),
    table: byId('view-table', HTMLButtonElement),
  };
  let wanted: keyof typeof buttons = 'picture';
  let latest: { overview: Overview; rates: Rates } | undefined;

  const draw = () => {
    if (latest === undefined) return;
    const { overview, rates } = latest;
    const { routes, brokers } = overview;
    const found = routes.filter((route) => matches(route, search.value));
    const hasPicture = found.length > 0 && found.length <= MOST_DRAWN;
    const view = hasPicture ? wanted : 'table';
    panel.dataset.view = view;
    views.hidden = !hasPicture;
    for (const [name, button] of Object.entries(buttons))
      button.setAttribute('aria-pressed', String(name === view));
    flow.show(hasPicture ? found : undefined, brokers, rates);
    table.hidden = found.length === 0;
    rows(found.map((route) => ({ route, rates })));
    search.hidden = routes.length < 2;
    empty.hidden = found.length > 0;
    setText(
      empty,
      routes.length === 0
        ? 'No routes yet. Write some under "routes:" in the mapping file: the bridge follows it while it runs.'
        : 'No route has that in its name, its addresses or its brokers.',
    );
    setText(note, noteOf(routes.length, found.length, hasPicture));
  };
  search.addEventListener('input', draw);
  const choose = (view: typeof wanted) => {
    wanted = view;
    draw();
  };
  buttons.picture.addEventListener('click', () => choose('picture'));
  buttons.table.addEventListener('click', () => choose('table'));
  return {
    show(overview, rates) {
      latest = { overview, rates };
      draw();
    },
  };
}

function noteOf(all: number, found: number, hasPicture: boolean): string {
  if (all === 0) return '';
  const count = found === all ? plural(all, 'route') : `${found} of ${plural(all, 'route')}`;
  return found > 0 && !hasPicture ? `${count}; up to ${MOST_DRAWN} are drawn: search for fewer` : count;
}

function matches({ name, from, to = [] }: Route, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = [
    name,
    ...[...(from === undefined ? [] : [from]), ...to].flatMap((end) => [end.name, end.broker]),
  ];
  const text = texts.join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

interface RowOf {
  readonly route: Route;
  readonly rates: Rates;
}

const NUMBERS = ['In', 'Out', 'In flight', 'Retries', 'Dead letters'] as const;

function row(name: string, onRoute: (name: string) => void): Shown<RowOf> {
  const sign = icon('up');
  const state = make('span', 'row-state');
  const open = make('button', 'row-name', name);
  open.type = 'button';
  open.addEventListener('click', () => onRoute(name));
  const head = make('th', '', make('span', 'row-head', sign, open), state);
  head.scope = 'row';
  const from = make('td', 'row-ends');
  const to = make('td', 'row-ends');
  const numbers = NUMBERS.map((label) => {
    const cell = make('td', 'number');
    // On a phone the head of the table is not there.
    cell.dataset.label = label;
    return cell;
  });
  from.dataset.label = 'From';
  to.dataset.label = 'To';
  const element = make('tr', '', head, from, to, ...numbers);
  element.dataset.route = name;
  return {
    element,
    update({ route, rates }) {
      element.dataset.state = route.state;
      setIcon(sign, routeIcon(route));
      setText(state, route.state === 'running' ? '' : ROUTE_STATES[route.state]);
      setEnds(from, route.from === undefined ? [] : [route.from]);
      setEnds(to, route.to ?? []);
      const { received, delivered } = rates.of(name);
      const texts = [
        rateText(received),
        rateText(delivered),
        countText(route.inFlight),
        countText(route.retried),
        countText(route.deadLettered),
      ];
      for (const [index, cell] of numbers.entries()) setText(cell, texts[index] ?? '');
      numbers.at(-1)?.classList.toggle('bad', route.deadLettered > 0);
    },
  };
}

/** The ends change only when the rules do. */
function setEnds(cell: HTMLElement, ends: readonly End[]): void {
  const key = JSON.stringify(ends);
  if (cell.dataset.ends === key) return;
  cell.dataset.ends = key;
  cell.replaceChildren(
    ...ends.map((end) =>
      make(
        'span',
        'end',
        kindBadge(end),
        make('span', 'end-name', end.name),
        make('span', 'end-broker', end.broker),
      ),
    ),
  );
}

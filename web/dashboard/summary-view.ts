import { byId, make } from '../view/element.js';
import { focusWhereItScrolls, keyedList, setText } from '../view/keyed.js';
import { svg } from '../view/svg.js';
import type { Overview } from './answers.js';
import type { Rates } from './rates.js';
import { countText, durationText, rateText } from './words.js';

export interface SummaryView {
  show(overview: Overview, rates: Rates): void;
  /** The bridge does not answer; what is drawn is from before. */
  gone(reason: string): void;
}

/** The head of the page: how the bridge is, since when, why not better, and the figures of all routes together. */
export function summaryView(): SummaryView {
  const state = byId('state', HTMLElement);
  const uptime = byId('uptime', HTMLElement);
  const chat = byId('chat-link', HTMLAnchorElement);
  const main = byId('main', HTMLElement);
  const gone = byId('gone', HTMLElement);
  const notice = byId('notice', HTMLElement);
  const title = byId('notice-title', HTMLElement);
  const list = byId('reasons', HTMLElement);
  const showReasons = keyedList<string>(
    list,
    (reason) => reason,
    (reason) => ({ element: make('li', '', reason), update: () => {} }),
  );
  const tiles = byId('tiles', HTMLElement);
  const received = tile(tiles, 'Received', true);
  const delivered = tile(tiles, 'Delivered', true);
  const inFlight = tile(tiles, 'In flight', false);
  const retries = tile(tiles, 'Retries', false);
  const deadLetters = tile(tiles, 'Dead letters', false);
  let lastSeen = '';

  return {
    show(overview, rates) {
      lastSeen = new Date().toLocaleTimeString();
      gone.hidden = true;
      main.removeAttribute('aria-busy');
      main.classList.remove('stale');
      const [name, text] = stateOf(overview);
      state.dataset.state = name;
      setText(state, text);
      setText(uptime, `up ${durationText(Date.now() - Date.parse(overview.startedAt))}`);
      chat.hidden = !overview.chat;
      const refused = overview.lastReload?.ok === false ? overview.lastReload : undefined;
      const reasons = overview.ready ? [] : [...new Set(overview.reasons)];
      const problems = refused?.problems ?? [];
      notice.hidden = reasons.length + problems.length === 0;
      setText(
        title,
        reasons.length > 0 ? 'Not ready' : 'The mapping file has a mistake; the rules from before go on',
      );
      showReasons([...reasons, ...problems]);
      focusWhereItScrolls(list);

      const sum = (key: 'received' | 'delivered' | 'inFlight' | 'retried' | 'deadLettered') =>
        overview.routes.reduce((total, route) => total + route[key], 0);
      const { total, history } = rates;
      received.show(rateText(total.received), `${countText(sum('received'))} since the start`);
      received.draw(history.map((rate) => rate.received));
      delivered.show(rateText(total.delivered), `${countText(sum('delivered'))} since the start`);
      delivered.draw(history.map((rate) => rate.delivered));
      const oldest = Math.max(0, ...overview.routes.map((route) => route.oldestInFlightSeconds));
      inFlight.show(countText(sum('inFlight')), oldest > 0 ? `oldest ${oldest} s` : 'not yet confirmed');
      retries.show(countText(sum('retried')), 'since the start');
      deadLetters.show(countText(sum('deadLettered')), 'since the start', sum('deadLettered') > 0);
    },
    gone(reason) {
      state.dataset.state = 'gone';
      setText(state, 'No answer');
      main.removeAttribute('aria-busy');
      main.classList.add('stale');
      gone.hidden = false;
      setText(
        gone,
        `${reason} Trying again each second.${lastSeen === '' ? '' : ` What is below is from ${lastSeen}.`}`,
      );
    },
  };
}

function stateOf({ ready, state }: Overview): readonly [name: string, text: string] {
  if (ready) return ['ready', 'Ready'];
  switch (state) {
    case 'starting':
      return ['waiting', 'Starting'];
    case 'running':
      return ['waiting', 'Not ready'];
    case 'standby':
      return ['waiting', 'Standing by'];
    case 'draining':
      return ['waiting', 'Stopping'];
    case 'stopped':
      return ['gone', 'Stopped'];
  }
}

const WIDTH = 120;
const HEIGHT = 32;

function tile(parent: Element, name: string, hasLine: boolean) {
  const value = make('strong', 'tile-value', '–');
  const note = make('span', 'tile-note');
  const element = make('div', 'tile', make('span', 'tile-name', name), value, note);
  const area = svg('path', { class: 'spark-area' });
  const line = svg('path', { class: 'spark-line' });
  if (hasLine)
    element.append(
      svg(
        'svg',
        {
          class: 'spark',
          viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
          preserveAspectRatio: 'none',
          'aria-hidden': 'true',
        },
        area,
        line,
      ),
    );
  parent.append(element);
  return {
    show(text: string, more: string, bad = false) {
      setText(value, text);
      setText(note, more);
      element.classList.toggle('bad', bad);
    },
    /** The last minute, the latest at the right. */
    draw(values: readonly number[]) {
      const most = Math.max(1, ...values);
      const step = WIDTH / Math.max(20, values.length - 1);
      const start = WIDTH - (values.length - 1) * step;
      const points = values.map((one, index) => {
        const y = HEIGHT - 2 - (one / most) * (HEIGHT - 5);
        return `${(start + index * step).toFixed(1)},${y.toFixed(1)}`;
      });
      if (points.length < 2) return;
      line.setAttribute('d', `M${points.join('L')}`);
      area.setAttribute('d', `M${start.toFixed(1)},${HEIGHT}L${points.join('L')}L${WIDTH},${HEIGHT}Z`);
    },
  };
}

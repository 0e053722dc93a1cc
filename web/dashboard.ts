import type { Overview } from './dashboard/answers.js';
import { Bridge, Refusal } from './dashboard/bridge.js';
import { brokerView } from './dashboard/broker-view.js';
import { follow } from './dashboard/feed.js';
import { lettersView } from './dashboard/letters-view.js';
import { problemsView } from './dashboard/problems-view.js';
import { Rates } from './dashboard/rates.js';
import { routeDialog } from './dashboard/route-dialog.js';
import { routesView } from './dashboard/routes-view.js';
import { summaryView } from './dashboard/summary-view.js';
import { takeTokenFromHash, tokenBox } from './dashboard/token.js';
import { safeStore } from './storage.js';
import { byId } from './view/element.js';

/** The dashboard: asks the bridge each second and shows in every part of the page what it said. */
function startPage(): void {
  const token = tokenBox(safeStore(() => sessionStorage));
  const bridge = new Bridge(token.get);
  const rates = new Rates();
  const lock = byId('lock', HTMLButtonElement);

  const dialog = routeDialog(bridge);
  const summary = summaryView();
  const brokers = brokerView();
  const routes = routesView(dialog.open);
  const problems = problemsView();
  const letters = lettersView({
    bridge,
    onToken: async (typed) => {
      // Before it is kept: a token with a slip in it must not lock the page out.
      const overview = await bridge.overview(typed);
      token.set(typed);
      show(overview);
    },
    onFailure: (error) => fail(error),
  });

  const show = (overview: Overview) => {
    rates.note(overview);
    lock.hidden = !overview.admin.granted;
    document.title = overview.ready ? 'Dashboard' : '⚠ Dashboard';
    summary.show(overview, rates);
    brokers(overview.brokers);
    routes.show(overview, rates);
    problems(overview.problems);
    letters.show(overview);
    dialog.show(overview);
  };

  const fail = (error: unknown) => {
    if (error instanceof Refusal && error.isOfToken) {
      token.forget();
      letters.tokenRefused(error.message);
      feed.now();
      return;
    }
    document.title = '⚠ Dashboard';
    summary.gone(error instanceof Error ? error.message : String(error));
  };

  const useHash = () => {
    const given = takeTokenFromHash();
    if (given !== undefined) token.set(given);
    return given !== undefined;
  };
  useHash();
  /** Asked anew when the token became another one meanwhile: an answer from before would lock or unlock the page for a moment. */
  const ask = async (): Promise<Overview> => {
    const asked = token.get();
    const overview = await bridge.overview();
    return token.get() === asked ? overview : ask();
  };
  const feed = follow({ ask, onOverview: show, onFailure: fail });
  window.addEventListener('hashchange', () => {
    if (useHash()) feed.now();
  });
  lock.addEventListener('click', () => {
    token.forget();
    feed.now();
  });
}

startPage();

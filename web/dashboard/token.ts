import type { Store } from '../storage.js';

const KEY = 'bridge-admin-token';

/** The admin token for as long as the tab's session lasts; it is never in a URL that a server sees. */
export interface TokenBox {
  get(): string | undefined;
  set(token: string): void;
  forget(): void;
}

/** `store`: the tab's own. Without one the token lasts until the page is loaded again. */
export function tokenBox(store: Store): TokenBox {
  let token = store.get(KEY);
  return {
    get: () => token,
    set(value) {
      token = value;
      store.set(KEY, value);
    },
    forget() {
      token = undefined;
      store.remove(KEY);
    },
  };
}

/** The token of `#token=…`, which is taken out of the address line, so that nobody bookmarks it or reads it there. */
export function takeTokenFromHash(): string | undefined {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? [];
  if (token === undefined) return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return token;
}

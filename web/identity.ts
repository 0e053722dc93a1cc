import { randomHex } from './ids.js';
import type { Store } from './storage.js';

const SLOTS = 8;

/** A client ID that this page alone uses until it is released. */
export interface Identity {
  readonly clientId: string;
  release(): void;
}

/**
 * The MQTT client ID of this browser and account. It stays the same, because the broker keeps a session's missed
 * messages under it. Two pages with one client ID would throw each other out for ever, so each further tab
 * of the browser takes the next free slot.
 */
export async function claimIdentity(account: string, browser: Store, tab: Store): Promise<Identity> {
  const base = `chat-${shortHash(account)}`;
  // Locks exist on https and localhost only; elsewhere a tab gets an ID of its own.
  if (navigator.locks === undefined) {
    return { clientId: `${base}-${remembered(tab, 'chat.tab')}`, release: () => {} };
  }
  const id = `${base}-${remembered(browser, 'chat.browser')}`;
  for (let slot = 1; slot <= SLOTS; slot++) {
    const clientId = slot === 1 ? id : `${id}-${slot}`;
    const release = await lock(clientId);
    if (release !== undefined) return { clientId, release };
  }
  return { clientId: `${base}-${randomHex(6)}`, release: () => {} };
}

function remembered(store: Store, key: string): string {
  const known = store.get(key);
  if (known !== undefined && /^[0-9a-f]{12}$/.test(known)) return known;
  const made = randomHex(6);
  store.set(key, made);
  return made;
}

/** Resolves with the way to release it, or undefined when another tab holds it. */
function lock(name: string): Promise<(() => void) | undefined> {
  return new Promise((claimed) => {
    navigator.locks
      .request(name, { ifAvailable: true }, (held) => {
        if (held === null) {
          claimed(undefined);
          return undefined;
        }
        return new Promise<void>((release) => claimed(release));
      })
      .catch(() => claimed(undefined));
  });
}

/** Accounts may hold any character and client IDs better not: eight hexadecimal digits stand for it (FNV-1a). */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

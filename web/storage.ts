/** Browser storage that never throws: it may be switched off or full, and the chat goes on without it. */
export interface Store {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/** The part of the browser's Storage that is used here. */
interface Backing {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** `open` may throw: in some browsers already the look at `localStorage` does, when storage is switched off. */
export function safeStore(open: () => Backing): Store {
  const attempt = <T>(action: (storage: Backing) => T): T | undefined => {
    try {
      return action(open());
    } catch {
      return undefined;
    }
  };
  return {
    get: (key) => attempt((storage) => storage.getItem(key)) ?? undefined,
    set: (key, value) => {
      attempt((storage) => storage.setItem(key, value));
    },
    remove: (key) => {
      attempt((storage) => storage.removeItem(key));
    },
  };
}

import type { ChatMessage, Incoming, RoomAbout } from './protocol.js';
import { accountOf, isConversationId } from './protocol.js';
import type { Store } from './storage.js';

/** One line of a room. `pending`: sent here, and the broker has not acknowledged it yet. */
export type Line =
  | {
      readonly kind: 'chat';
      readonly message: ChatMessage;
      /** Sent by this very page: what the body says of its sender proves nothing. */
      readonly own: boolean;
      readonly pending: boolean;
    }
  | { readonly kind: 'other'; readonly text: string; readonly at: string };

export interface Room {
  readonly id: string;
  readonly name?: string | undefined;
  readonly createdBy?: string | undefined;
  /** Who is there, as far as it is known: of the room that is open. */
  readonly members: readonly string[];
  readonly unread: number;
  readonly lines: readonly Line[];
  /** Why the room does not work, for example no permission. */
  readonly problem?: string | undefined;
}

/** How many lines of a room are kept, in memory and in the page. */
export const MAX_LINES = 500;
const MAX_ROOMS = 100;
const SAVED_LINES = 200;
const MAX_MEMBERS = 200;
const SEEN_IDS = 2_000;

interface Entry {
  room: Room;
  /** Ids of the last messages, so that one that comes twice shows once; the oldest leave first. */
  readonly seen: Set<string>;
}

/**
 * The rooms of one account in this page, and what was said in them. The list stays in the browser; the lines stay
 * with the tab, so that a reload keeps them (the broker delivers a message to a session only once).
 */
export class Rooms {
  readonly #account: string;
  readonly #browser: Store;
  readonly #tab: Store;
  readonly #entries = new Map<string, Entry>();

  constructor(account: string, browser: Store, tab: Store) {
    this.#account = account;
    this.#browser = browser;
    this.#tab = tab;
    for (const { id, name } of savedList(browser.get(this.#listKey))) this.#add(id, name);
  }

  all(): Room[] {
    return [...this.#entries.values()].map(({ room }) => room);
  }

  get(id: string): Room | undefined {
    return this.#entries.get(id)?.room;
  }

  /** False when there are too many rooms already. Joining a room twice changes nothing. */
  join(id: string, name?: string): boolean {
    if (this.#entries.has(id)) return true;
    if (this.#entries.size >= MAX_ROOMS) return false;
    this.#add(id, name);
    this.#saveList();
    return true;
  }

  /** The conversation with an account that has written; the oldest other one goes when there are too many. */
  writtenBy(id: string): void {
    if (this.join(id)) return;
    const oldest = [...this.#entries.keys()].find((known) => accountOf(known) !== undefined);
    if (oldest === undefined) return;
    this.leave(oldest);
    this.join(id);
  }

  /** Somebody is there, or not any more. */
  member(id: string, account: string, online: boolean): void {
    const others = (this.get(id)?.members ?? []).filter((known) => known !== account);
    if (online && others.length >= MAX_MEMBERS) return;
    this.#change(id, { members: online ? [...others, account].sort() : others });
  }

  /** Nothing is known any more of who is in any room: they are told again. */
  forgetMembers(): void {
    for (const { id } of this.all()) this.#change(id, { members: [] });
  }

  leave(id: string): void {
    this.#entries.delete(id);
    this.#tab.remove(this.#linesKey(id));
    this.#saveList();
  }

  describe(about: RoomAbout): void {
    this.#change(about.id, { name: about.name || undefined, createdBy: about.createdBy });
    this.#saveList();
  }

  refuse(id: string, problem: string): void {
    this.#change(id, { problem });
  }

  read(id: string): void {
    this.#change(id, { unread: 0 });
  }

  /** Adds a message sent from here. */
  sending(id: string, message: ChatMessage): void {
    this.#append(id, { kind: 'chat', message, own: true, pending: true }, 0);
  }

  /** The broker has it. */
  sent(id: string, messageId: string): void {
    const lines = this.#entries
      .get(id)
      ?.room.lines.map((line) =>
        line.kind === 'chat' && line.own && line.message.id === messageId
          ? { ...line, pending: false }
          : line,
      );
    if (lines !== undefined) this.#change(id, { lines });
  }

  /** Adds what came in; false when it is there already (an own message, or one delivered again). */
  received(id: string, incoming: Incoming): boolean {
    if (incoming.kind === 'other') {
      this.#append(id, { kind: 'other', text: incoming.text, at: new Date().toISOString() }, 1);
      return true;
    }
    if (this.#entries.get(id)?.seen.has(incoming.message.id) !== false) return false;
    this.#append(id, { kind: 'chat', message: incoming.message, own: false, pending: false }, 1);
    return true;
  }

  /** Adds what was said before this page came, above the rest; what is there already stays where it is. */
  before(id: string, messages: readonly ChatMessage[]): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const unseen = messages.filter((message) => !entry.seen.has(message.id));
    for (const { id: messageId } of unseen) remember(entry.seen, messageId);
    const lines = unseen.map((message): Line => ({ kind: 'chat', message, own: false, pending: false }));
    this.#change(id, { lines: [...lines, ...entry.room.lines].slice(-MAX_LINES) });
  }

  /** What was sent before a reload and never acknowledged, oldest first. */
  unsent(): Array<{ room: string; message: ChatMessage }> {
    return this.all().flatMap(({ id, lines }) =>
      lines.flatMap((line) =>
        line.kind === 'chat' && line.pending ? [{ room: id, message: line.message }] : [],
      ),
    );
  }

  /** Keeps the last lines for a reload of this tab. */
  save(): void {
    for (const { id, lines } of this.all()) {
      this.#tab.set(this.#linesKey(id), JSON.stringify(lines.slice(-SAVED_LINES)));
    }
  }

  get #listKey(): string {
    return `chat.rooms.${this.#account}`;
  }

  #linesKey(id: string): string {
    return `chat.lines.${this.#account}.${id}`;
  }

  #add(id: string, name: string | undefined): void {
    const lines = savedLines(this.#tab.get(this.#linesKey(id)));
    const seen = new Set(lines.flatMap((line) => (line.kind === 'chat' ? [line.message.id] : [])));
    this.#entries.set(id, { room: { id, name, unread: 0, lines, members: [] }, seen });
  }

  #change(id: string, change: Partial<Room>): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.room = { ...entry.room, ...change };
  }

  #append(id: string, line: Line, unread: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (line.kind === 'chat') remember(entry.seen, line.message.id);
    const lines = [...entry.room.lines, line].slice(-MAX_LINES);
    entry.room = { ...entry.room, lines, unread: entry.room.unread + unread };
  }

  #saveList(): void {
    this.#browser.set(this.#listKey, JSON.stringify(this.all().map(({ id, name }) => ({ id, name }))));
  }
}

function remember(seen: Set<string>, id: string): void {
  seen.add(id);
  if (seen.size <= SEEN_IDS) return;
  for (const oldest of seen) {
    seen.delete(oldest);
    return;
  }
}

/** Storage is shared with whatever else runs on this origin: take from it only what has the right shape. */
function savedList(text: string | undefined): Array<{ id: string; name?: string | undefined }> {
  return array(text).flatMap((value) => {
    const id = field(value, 'id');
    const name = field(value, 'name');
    if (typeof id !== 'string' || !isConversationId(id)) return [];
    return [{ id, name: typeof name === 'string' ? name : undefined }];
  });
}

function savedLines(text: string | undefined): Line[] {
  return array(text).flatMap((value): Line[] => {
    const message = field(value, 'message');
    const [id, from, body, sentAt] = ['id', 'from', 'text', 'sentAt'].map((name) => field(message, name));
    if (
      typeof id === 'string' &&
      typeof from === 'string' &&
      typeof body === 'string' &&
      typeof sentAt === 'string'
    ) {
      const own = field(value, 'own') === true;
      const pending = own && field(value, 'pending') === true;
      return [{ kind: 'chat', message: { id, from, text: body, sentAt }, own, pending }];
    }
    const [other, at] = [field(value, 'text'), field(value, 'at')];
    return typeof other === 'string' && typeof at === 'string' ? [{ kind: 'other', text: other, at }] : [];
  });
}

function array(text: string | undefined): unknown[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}

import { accountOf } from '../protocol.js';
import { type Line, MAX_LINES, type Room } from '../rooms.js';
import { copyText } from './copy.js';
import { byId, make } from './element.js';
import { lineElement, updateLine } from './lines.js';
import { roomTitle } from './room-list.js';

export interface ConversationHandlers {
  /** False keeps the text in the composer. */
  readonly onSend: (room: string, text: string) => boolean;
  readonly onLeave: (room: string) => void;
  readonly onBack: () => void;
  /** Wants to talk to this account alone. */
  readonly onAccount: (account: string) => void;
}

export interface ConversationView {
  /** Shows the room; undefined shows the welcome. */
  show(room: Room | undefined, account: string): void;
  problem(text: string): void;
  focus(): void;
}

/** How near to the end still counts as reading the end, in CSS pixels. */
const NEAR_END = 80;

/** The open room: its messages, and the composer. The list in the page is bounded like the one in memory. */
export function conversationView({
  onSend,
  onLeave,
  onBack,
  onAccount,
}: ConversationHandlers): ConversationView {
  const section = byId('conversation', HTMLElement);
  const welcome = byId('welcome', HTMLElement);
  const title = byId('room-title', HTMLElement);
  const identity = byId('room-identity', HTMLElement);
  const direct = byId('direct-note', HTMLElement);
  const subtitle = byId('room-id', HTMLElement);
  const members = byId('members', HTMLElement);
  const problem = byId('room-problem', HTMLElement);
  const log = byId('log', HTMLOListElement);
  const scroller = byId('scroller', HTMLElement);
  const newest = byId('newest', HTMLButtonElement);
  const copy = byId('copy-link', HTMLButtonElement);
  const copied = byId('copied', HTMLElement);
  const form = byId('composer', HTMLFormElement);
  const input = byId('message', HTMLTextAreaElement);

  let shown: Room | undefined;
  const drafts = new Map<string, string>();

  const nearEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
    newest.hidden = true;
  };
  const fitText = () => {
    input.style.height = 'auto';
    input.style.height = `${Math.min(input.scrollHeight + 2, 160)}px`;
  };

  const submit = () => {
    const text = input.value.trim();
    if (shown === undefined || text === '' || !onSend(shown.id, text)) return;
    input.value = '';
    fitText();
    toEnd();
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  input.addEventListener('input', fitText);
  newest.addEventListener('click', toEnd);
  scroller.addEventListener('scroll', () => {
    if (nearEnd()) newest.hidden = true;
  });
  byId('leave', HTMLButtonElement).addEventListener('click', () => {
    if (shown !== undefined) onLeave(shown.id);
  });
  byId('back', HTMLButtonElement).addEventListener('click', onBack);
  copy.addEventListener('click', () => {
    if (shown === undefined) return;
    const link = `${location.origin}${location.pathname}#room=${shown.id}`;
    void copyText(link).then((done) => {
      copied.textContent = done ? 'Link copied' : link;
    });
  });

  const open = (room: Room) => {
    if (shown !== undefined) drafts.set(shown.id, input.value);
    input.value = drafts.get(room.id) ?? '';
    drafts.delete(room.id);
    copied.textContent = '';
    problem.textContent = '';
    log.replaceChildren();
    fitText();
  };

  return {
    show(room, account) {
      section.hidden = room === undefined;
      welcome.hidden = room !== undefined;
      if (room === undefined) {
        shown = undefined;
        return;
      }
      const opened = shown?.id !== room.id;
      if (opened) open(room);
      title.textContent = roomTitle(room);
      subtitle.textContent = room.id;
      const isDirect = accountOf(room.id) !== undefined;
      identity.hidden = isDirect;
      direct.hidden = !isDirect;
      copy.hidden = isDirect;
      if (opened || room.members !== shown?.members) showMembers(members, room.members, account, onAccount);
      if (room.problem !== undefined) problem.textContent = room.problem;
      const follow = opened || nearEnd();
      const added = showLines(log, room.lines, opened ? [] : (shown?.lines ?? []), account);
      shown = room;
      if (follow) toEnd();
      else if (added) newest.hidden = false;
    },
    problem(text) {
      problem.textContent = text;
    },
    focus() {
      input.focus();
    },
  };
}

/** Brings the list from `before` to `lines` by appending, and by updating what changed in place. */
function showLines(
  log: HTMLElement,
  lines: readonly Line[],
  before: readonly Line[],
  account: string,
): boolean {
  const last = before.at(-1);
  const known = last === undefined ? 0 : lines.map(keyOf).lastIndexOf(keyOf(last)) + 1;
  // So much came at once that nothing shown is in memory any more; or older messages came, which stand above.
  const first = before[0];
  const isShifted = first !== undefined && lines.map(keyOf).indexOf(keyOf(first)) > 0;
  const kept = isShifted ? 0 : known;
  if (kept === 0) log.replaceChildren();
  const unchanged = new Set(before);
  for (const line of lines.slice(0, kept)) {
    if (line.kind !== 'chat' || unchanged.has(line)) continue;
    const item = log.querySelector<HTMLElement>(`.own[data-id="${CSS.escape(line.message.id)}"]`);
    if (item !== null) updateLine(item, line);
  }
  log.append(...lines.slice(kept).map((line, index) => lineElement(line, lines[kept + index - 1], account)));
  while (log.children.length > MAX_LINES) log.firstElementChild?.remove();
  return known < lines.length;
}

/** A line is replaced when its state changes; its message stays the same object. */
const keyOf = (line: Line): object => (line.kind === 'chat' ? line.message : line);

/** The accounts that are there; another one's name begins a conversation with it. */
function showMembers(
  list: HTMLElement,
  accounts: readonly string[],
  own: string,
  onAccount: (account: string) => void,
): void {
  list.hidden = accounts.length === 0;
  list.replaceChildren(
    ...accounts.map((account) => {
      if (account === own) return make('li', 'member', 'you');
      const button = make('button', 'plain member', account);
      button.type = 'button';
      button.title = `Write to ${account} alone`;
      button.addEventListener('click', () => onAccount(account));
      return make('li', '', button);
    }),
  );
}

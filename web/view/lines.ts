import type { Line } from '../rooms.js';
import { avatar, make } from './element.js';
import { withLinks } from './links.js';

/** Messages of one sender this close together share one heading. */
const GROUP_MS = 5 * 60_000;

/** The element for a line. `before` is the line above it; `account` is who looks at it. */
export function lineElement(line: Line, before: Line | undefined, account: string): HTMLLIElement {
  if (line.kind === 'other') return otherElement(line);
  const { message, own } = line;
  const body = make('div', 'bubble', make('p', 'text', ...withLinks(message.text)));
  const item = make('li', own ? 'line own' : 'line');
  item.dataset.id = message.id;
  if (continues(line, before)) item.classList.add('follows');
  else item.append(heading(message.from, message.sentAt, own, account));
  if (own) {
    const state = make('span', 'sent-state');
    body.append(state);
    markSent(item, body, line.pending);
  } else {
    item.prepend(avatar(message.from));
  }
  item.append(body);
  return item;
}

/** Shows whether the broker has an own message. */
export function updateLine(item: HTMLElement, line: Line): void {
  const body = item.querySelector<HTMLElement>('.bubble');
  if (body !== null && line.kind === 'chat' && line.own) markSent(item, body, line.pending);
}

function markSent(item: HTMLElement, body: HTMLElement, pending: boolean): void {
  const state = body.querySelector<HTMLElement>('.sent-state');
  if (state === null) return;
  item.dataset.state = pending ? 'sending' : 'sent';
  state.textContent = pending ? 'sending…' : '✓';
  state.title = pending ? 'The broker has not confirmed it yet' : 'On the server';
  state.setAttribute('aria-label', pending ? 'sending' : 'on the server');
  state.setAttribute('role', 'img');
}

function heading(from: string, sentAt: string, own: boolean, account: string): HTMLElement {
  const name = make('span', own ? 'from off-screen' : 'from', own ? 'You' : from);
  const head = make('div', 'heading', name);
  // The name in a message is only a claim: one that says it is from us, and is not, has to show that.
  if (!own && from === account) head.append(make('span', 'hint', 'your account, from elsewhere'));
  head.append(timeElement(sentAt));
  return head;
}

function otherElement({ text, at }: { text: string; at: string }): HTMLLIElement {
  const note = make('span', 'hint', 'not a chat message, shown as it came');
  const head = make('div', 'heading', make('span', 'from', 'Unknown sender'), note, timeElement(at));
  return make('li', 'line other', avatar('?'), head, make('div', 'bubble', make('p', 'text', text)));
}

function timeElement(iso: string): HTMLElement {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return make('span', 'time');
  const today = at.toDateString() === new Date().toDateString();
  const time = make(
    'time',
    'time',
    today
      ? at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
      : at.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }),
  );
  time.dateTime = at.toISOString();
  return time;
}

function continues(line: Line, before: Line | undefined): boolean {
  if (line.kind !== 'chat' || before?.kind !== 'chat') return false;
  if (before.own !== line.own || before.message.from !== line.message.from) return false;
  return Math.abs(Date.parse(line.message.sentAt) - Date.parse(before.message.sentAt)) < GROUP_MS;
}

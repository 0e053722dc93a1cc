import { make } from './element.js';

/** A time for people: of today only the time, else the date too. Empty for what is no time. */
export function timeElement(iso: string): HTMLElement {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return make('span', 'time');
  const time = make('time', 'time', timeText(at));
  time.dateTime = at.toISOString();
  time.title = at.toLocaleString();
  return time;
}

export function timeText(at: Date): string {
  return at.toDateString() === new Date().toDateString()
    ? at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' })
    : at.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}

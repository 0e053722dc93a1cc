import { make } from '../view/element.js';

/** What a message says, as it is; nothing of it is ever HTML. */
export function bodyElement(text: string): HTMLElement {
  const element = make('pre', 'body', text === '' ? '(empty)' : text);
  // It may have to be scrolled, and without a mouse that needs the focus.
  if (text.length > 300 || text.split('\n').length > 5) element.tabIndex = 0;
  return element;
}

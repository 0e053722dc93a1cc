/** The element of the page with this id. Throws when the page has none of that class: page and script disagree. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`The page has no ${type.name} with the id ${id}.`);
}

/** A new element holding text or elements. Strings become text nodes: nothing is ever parsed as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: Array<Node | string>
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** A round sign for an account: its first letter on a colour that is always the same for the same name. */
export function avatar(name: string): HTMLElement {
  const sign = make('span', 'avatar', ([...name.trim()][0] ?? '?').toUpperCase());
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 997;
  sign.dataset.hue = String(hash % 8);
  sign.setAttribute('aria-hidden', 'true');
  return sign;
}

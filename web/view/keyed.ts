/** What shows one item of a list. */
export interface Shown<Item> {
  readonly element: Element;
  update(item: Item): void;
}

/**
 * Keeps the children of an element at a list of items: what stays is changed in its place, so that focus, selection and hover stay
 * where they are although the list is drawn each second.
 */
export function keyedList<Item>(
  parent: Element,
  keyOf: (item: Item) => string,
  create: (item: Item) => Shown<Item>,
): (items: readonly Item[]) => void {
  const shown = new Map<string, Shown<Item>>();
  return (items) => {
    const keys = new Set(items.map(keyOf));
    for (const [key, { element }] of shown) {
      if (keys.has(key)) continue;
      element.remove();
      shown.delete(key);
    }
    items.forEach((item, index) => {
      const key = keyOf(item);
      const one = shown.get(key) ?? create(item);
      shown.set(key, one);
      one.update(item);
      if (parent.children[index] !== one.element)
        parent.insertBefore(one.element, parent.children[index] ?? null);
    });
  };
}

/** Changes a text only if it is another one: a screen reader reads again what is written again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** What has to be scrolled needs the focus, where there is no mouse. */
export function focusWhereItScrolls(element: HTMLElement): void {
  if (element.scrollHeight > element.clientHeight) element.tabIndex = 0;
  else element.removeAttribute('tabindex');
}

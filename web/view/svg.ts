const SVG = 'http://www.w3.org/2000/svg';

/** A new SVG element with attributes; numbers become text. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
  ...children: readonly Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** Sets what is another value now. */
export function setAttributes(element: Element, attributes: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Strokes of the icons on a 24 by 24 grid. */
const ICONS = {
  up: 'M5 12.500 10 17.500 19.500 7',
  waiting: 'M12 7v5.500l3.500 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  down: 'M12 8v5m0 3.500v.100M12 3 2.500 20h19z',
  disabled: 'M9 7v10M15 7v10',
  mqtt: 'M4 6a14 14 0 0 1 14 14M4 12a8 8 0 0 1 8 8M5 19v.100',
  queue: 'M4 7h16v10H4zM9.500 7v10M15 7v10',
  topic: 'M4 12h5m0 0 8-6m-8 6h8m-8 0 8 6M18.500 5v.100M19 12v.100M18.500 19v.100',
  arrow: 'M5 12h13m-5.500-6 6 6-6 6',
} as const;

export type Icon = keyof typeof ICONS;

/** A picture beside a text that says the same. */
export function icon(name: Icon): SVGSVGElement {
  const drawing = svg('path', { d: ICONS[name] });
  return svg('svg', { viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true' }, drawing);
}

/** Makes an icon another one. */
export function setIcon(element: SVGSVGElement, name: Icon): void {
  setAttributes(element, { class: `icon icon-${name}` });
  const path = element.firstElementChild;
  if (path !== null) setAttributes(path, { d: ICONS[name] });
}

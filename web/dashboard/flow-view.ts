import { byId, make } from '../view/element.js';
import { keyedList, type Shown, setText } from '../view/keyed.js';
import { icon, setAttributes, setIcon, svg } from '../view/svg.js';
import type { Broker, End, Route } from './answers.js';
import { BROKER_ICONS, brokerState } from './broker-view.js';
import {
  DENSE,
  type Drawn,
  type Frame,
  layOut,
  type Picture,
  type Place,
  ROOMY,
  type Sizes,
  type Wire,
} from './layout.js';
import type { Rates } from './rates.js';
import { countText, endText, KINDS, PRODUCTS, plural, rateText } from './words.js';

/** Routes that a picture shows; more are a list. */
export const MOST_DRAWN = 60;
/** From so many on their rows are low. */
const MANY = 9;
/** Pixels between the frame of a broker and its places. */
const INSET = 8;
/** Where the columns end and begin, in parts of the width. */
const X = { sourceEnd: 0.3, routeStart: 0.385, routeEnd: 0.615, targetStart: 0.7 };

export interface FlowView {
  /** Undefined: there are too many for a picture, or none. */
  show(routes: readonly Route[] | undefined, brokers: readonly Broker[], rates: Rates): void;
}

const ROUTE_ICONS = { running: 'up', waiting: 'waiting', disabled: 'disabled' } as const;
export const ROUTE_STATES = { running: 'running', waiting: 'waiting', disabled: 'switched off' } as const;
export const routeIcon = ({ state }: Route) => ROUTE_ICONS[state];

/** The picture of the routes: brokers at both sides, what goes between them as lines whose width and dots tell how much it is. */
export function flowView(onRoute: (name: string) => void): FlowView {
  const whole = byId('flow', HTMLElement);
  const picture = byId('flow-picture', HTMLElement);
  const wires = svg('svg', { class: 'wires', 'aria-hidden': 'true' });
  const frames = make('div', 'frames');
  const places = make('div', 'places');
  const pills = make('ul', 'pills');
  pills.setAttribute('aria-label', 'Routes in the picture');
  picture.append(frames, wires, places, pills);
  // Among many wires, those of the route that is looked at stand out.
  const lookAt = (route: string | undefined) => {
    for (const wire of wires.children)
      wire.classList.toggle('dim', route !== undefined && wire.getAttribute('data-route') !== route);
  };
  const routeOf = ({ target }: Event) =>
    target instanceof Element ? target.closest<HTMLElement>('[data-route]')?.dataset.route : undefined;
  for (const event of ['pointerover', 'focusin']) pills.addEventListener(event, (on) => lookAt(routeOf(on)));
  for (const event of ['pointerleave', 'focusout']) pills.addEventListener(event, () => lookAt(undefined));
  let redraw = () => {};
  new ResizeObserver(() => redraw()).observe(picture);

  const showWires = keyedList<DrawnWire>(wires, ({ key }) => key, wireElement);
  const showFrames = keyedList<DrawnFrame>(frames, ({ key }) => key, frameElement);
  const showPlaces = keyedList<DrawnPlace>(places, ({ key }) => key, placeElement);
  const showPills = keyedList<DrawnRoute>(
    pills,
    ({ route }) => route.name,
    ({ route }) => pillElement(route.name, onRoute),
  );

  return {
    show(routes, brokers, rates) {
      whole.hidden = routes === undefined;
      if (routes === undefined) return;
      const sizes = routes.length >= MANY ? DENSE : ROOMY;
      picture.dataset.dense = String(sizes === DENSE);
      redraw = () => {
        const drawn = layOut(routes.flatMap(drawable), sizes);
        const byName = new Map(routes.map((route) => [route.name, route]));
        const width = picture.clientWidth;
        picture.style.height = `${drawn.height}px`;
        setAttributes(wires, { width, height: drawn.height, viewBox: `0 0 ${width} ${drawn.height}` });
        showWires(drawn.wires.map((wire, index) => drawnWire(wire, index, byName, rates, width)));
        showFrames(framesOf(drawn, brokers));
        showPlaces(placesOf(drawn, sizes));
        showPills(
          drawn.routes.flatMap(({ name, y }) => {
            const route = byName.get(name);
            return route === undefined
              ? []
              : [{ route, y, rate: rates.of(name).received, height: sizes.pill }];
          }),
        );
      };
      redraw();
    },
  };
}

const drawable = ({ name, from, to }: Route): Drawn[] =>
  from === undefined || to === undefined ? [] : [{ name, from, to }];

interface DrawnWire {
  readonly key: string;
  readonly route: string;
  readonly path: string;
  readonly width: number;
  readonly speed: number;
  readonly state: Route['state'];
}

function drawnWire(
  { route: name, side, from, to }: Wire,
  index: number,
  routes: ReadonlyMap<string, Route>,
  rates: Rates,
  width: number,
): DrawnWire {
  const start = side === 'in' ? X.sourceEnd * width - INSET : X.routeEnd * width;
  const end = side === 'in' ? X.routeStart * width : X.targetStart * width + INSET;
  const bend = (end - start) / 2;
  const rate = rates.of(name)[side === 'in' ? 'received' : 'delivered'];
  return {
    key: `${name} ${side} ${index}`,
    route: name,
    path: `M${start},${from}C${start + bend},${from} ${end - bend},${to} ${end},${to}`,
    width: rate < 0.05 ? 2 : Math.min(8, 2.5 + Math.log10(1 + rate) * 2),
    speed: rate < 0.05 ? 0 : Math.min(4, 1 + Math.floor(Math.log10(1 + rate))),
    state: routes.get(name)?.state ?? 'disabled',
  };
}

function wireElement({ route }: DrawnWire): Shown<DrawnWire> {
  const line = svg('path', { class: 'wire-line' });
  const dots = svg('path', { class: 'wire-dots' });
  const element = svg('g', { class: 'wire', 'data-route': route }, line, dots);
  return {
    element,
    update({ path, width, speed, state }) {
      setAttributes(element, { 'data-state': state, 'data-speed': speed });
      setAttributes(line, { d: path, 'stroke-width': width.toFixed(1) });
      setAttributes(dots, { d: path, 'stroke-width': Math.max(3.2, width * 0.7).toFixed(1) });
    },
  };
}

interface DrawnFrame {
  readonly key: string;
  readonly side: 'source' | 'target';
  readonly frame: Frame;
  readonly broker: Broker | undefined;
}

function framesOf({ sources, targets }: Picture, brokers: readonly Broker[]): DrawnFrame[] {
  const of = (side: DrawnFrame['side'], frames: readonly Frame[]) =>
    frames.map((frame) => ({
      key: `${side} ${frame.broker}`,
      side,
      frame,
      broker: brokers.find(({ name }) => name === frame.broker),
    }));
  return [...of('source', sources.frames), ...of('target', targets.frames)];
}

function frameElement({ side, frame: { broker: name } }: DrawnFrame): Shown<DrawnFrame> {
  const sign = icon('up');
  const state = make('span', 'frame-state');
  const product = make('span', 'frame-product');
  const head = make(
    'p',
    'frame-head',
    make('strong', '', name),
    product,
    make('span', 'frame-sign', sign, state),
  );
  const element = make('div', `frame ${side}`, head);
  return {
    element,
    update({ frame, broker }) {
      element.style.top = `${frame.top}px`;
      element.style.height = `${frame.height}px`;
      if (broker === undefined) return;
      element.dataset.state = broker.state;
      setIcon(sign, BROKER_ICONS[broker.state]);
      setText(product, PRODUCTS[broker.type]);
      setText(state, broker.state === 'partly' ? 'Partly up' : brokerState(broker));
    },
  };
}

interface DrawnPlace {
  readonly key: string;
  readonly side: 'source' | 'target';
  readonly place: Place;
  readonly height: number;
}

function placesOf({ sources, targets }: Picture, sizes: Sizes): DrawnPlace[] {
  const of = (side: DrawnPlace['side'], all: readonly Place[]) =>
    all.map((place) => ({ key: `${side} ${place.key}`, side, place, height: sizes.place }));
  return [...of('source', sources.places), ...of('target', targets.places)];
}

function placeElement({ side, place: { end } }: DrawnPlace): Shown<DrawnPlace> {
  const element = make('div', `place ${side}`, kindBadge(end), make('span', 'place-name', end.name));
  element.title = endText(end);
  return {
    element,
    update({ place, height }) {
      element.style.top = `${place.y - height / 2}px`;
      element.style.height = `${height}px`;
    },
  };
}

/** What kind of address it is, as picture and word. */
export const kindBadge = ({ kind }: End): HTMLElement => {
  const badge = make('span', 'kind', icon(kind), KINDS[kind]);
  badge.dataset.kind = kind;
  return badge;
};

interface DrawnRoute {
  readonly route: Route;
  readonly y: number;
  readonly rate: number;
  readonly height: number;
}

function pillElement(name: string, onRoute: (name: string) => void): Shown<DrawnRoute> {
  const sign = icon('up');
  const rateSign = make('span', 'pill-rate');
  const note = make('span', 'pill-note');
  const deadCount = make('span', '');
  const deadWord = make('span', 'pill-dead-word');
  const dead = make('span', 'pill-dead', icon('down'), deadCount, deadWord);
  const button = make(
    'button',
    'pill',
    make('span', 'pill-head', sign, make('span', 'pill-name', name)),
    make('span', 'pill-line', rateSign, note, dead),
  );
  button.type = 'button';
  button.title = name;
  button.addEventListener('click', () => onRoute(name));
  const element = make('li', 'pill-item', button);
  return {
    element,
    update({ route, y, rate, height }) {
      element.style.top = `${y - height / 2}px`;
      element.style.height = `${height}px`;
      button.dataset.state = route.state;
      button.dataset.route = name;
      setIcon(sign, routeIcon(route));
      setText(rateSign, rateText(rate));
      setText(note, noteOf(route));
      setText(deadCount, countText(route.deadLettered));
      setText(deadWord, route.deadLettered === 1 ? 'dead letter' : 'dead letters');
      dead.title = plural(route.deadLettered, 'dead letter');
      dead.hidden = route.deadLettered === 0;
    },
  };
}

function noteOf({ state, inFlight, received }: Route): string {
  if (state !== 'running') return ROUTE_STATES[state];
  return inFlight > 0 ? `${countText(inFlight)} in flight` : `${countText(received)} so far`;
}

import { byId, make } from '../view/element.js';
import { keyedList, type Shown, setText } from '../view/keyed.js';
import { icon, setIcon } from '../view/svg.js';
import type { Broker } from './answers.js';
import { durationText, PRODUCTS, PROTOCOLS } from './words.js';

/** A card for each broker: what it is, how its connections are, and since when. */
export function brokerView(): (brokers: readonly Broker[]) => void {
  const empty = byId('brokers-empty', HTMLElement);
  const list = keyedList<Broker>(byId('brokers', HTMLElement), ({ name }) => name, card);
  return (brokers) => {
    empty.hidden = brokers.length > 0;
    list(brokers);
  };
}

export const BROKER_ICONS = { up: 'up', partly: 'waiting', down: 'down', unused: 'disabled' } as const;

export function brokerState({ state, protocols }: Broker): string {
  const up = protocols.reduce((sum, one) => sum + one.up, 0);
  const all = protocols.reduce((sum, one) => sum + one.connections, 0);
  switch (state) {
    case 'up':
      return 'Up';
    case 'partly':
      return `${up} of ${all} connections up`;
    case 'down':
      return 'Down';
    case 'unused':
      return 'No route uses it';
  }
}

function card({ name }: Broker): Shown<Broker> {
  const sign = icon('up');
  const state = make('span', 'broker-state');
  const product = make('span', 'quiet');
  const detail = make('span', 'broker-detail');
  const reason = make('p', 'broker-reason');
  const element = make(
    'li',
    'broker',
    make('p', 'broker-head', make('strong', 'broker-name', name), product),
    make('p', 'broker-line', sign, state),
    make('p', '', detail),
    reason,
  );
  return {
    element,
    update(broker) {
      const { type, protocols, since, attempts } = broker;
      element.dataset.state = broker.state;
      setIcon(sign, BROKER_ICONS[broker.state]);
      const isSteady = broker.state === 'up' || broker.state === 'down';
      const time = since === undefined ? '' : ` for ${durationText(Date.now() - Date.parse(since))}`;
      setText(
        state,
        isSteady ? brokerState(broker) + (broker.state === 'up' ? time : '') : brokerState(broker),
      );
      setText(product, PRODUCTS[type]);
      setText(
        detail,
        protocols.length === 0
          ? ''
          : `Connections: ${protocols.map((one) => `${PROTOCOLS[one.protocol]} ${upOf(one)}`).join(', ')}`,
      );
      const tried = attempts > 1 ? ` (${attempts} attempts so far)` : '';
      setText(reason, broker.reason === undefined ? '' : broker.reason.message + tried);
      reason.hidden = broker.reason === undefined;
    },
  };
}

/** `4`, or `1 of 4 up`. */
const upOf = ({ connections, up }: Broker['protocols'][number]) =>
  up === connections ? String(up) : `${up} of ${connections} up`;

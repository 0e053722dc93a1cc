import type { Protocol } from '../connectors/connector.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import type { Address } from '../message/address.js';
import type { BrokerConfig, RouteConfig, ToConfig } from './config.js';

export interface DeadLetterPlace {
  readonly broker: string;
  readonly via: Protocol;
  readonly address: Address;
}

/**
 * Where a route's dead letters go: the first broker of the route whose queues can be reached, over the protocol that the rule already
 * uses there; else a topic on the first broker over MQTT. `outputs`: where it sends to, when that is not what its `to` says.
 */
export function deadLetterPlace(
  route: RouteConfig,
  brokers: ReadonlyMap<string, Pick<BrokerConfig, 'type' | 'endpoints'>>,
  outputs: readonly Pick<ToConfig, 'broker' | 'via'>[] = route.to,
): DeadLetterPlace {
  const ends = [...outputs, route.from];
  for (const { broker } of ends) {
    const known = brokers.get(broker);
    const jmsVia = known && flavourOf(known.type).jmsVia;
    if (known === undefined || jmsVia === undefined) continue;
    const used = ends.find((end) => end.broker === broker && end.via !== 'mqtt')?.via;
    const via = [used, jmsVia.to, jmsVia.from].find((one) => one !== undefined && known.endpoints.has(one));
    if (via !== undefined) return { broker, via, address: { kind: 'queue', name: route.deadLetter } };
  }
  const broker = outputs[0]?.broker ?? route.from.broker;
  return { broker, via: 'mqtt', address: { kind: 'mqtt', name: route.deadLetter.replaceAll('.', '/') } };
}

import type { BrokerType, Protocol } from '../connectors/connector.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import type { Address } from '../message/address.js';
import type { RouteConfig, ToConfig } from './config.js';

export interface DeadLetterPlace {
  readonly broker: string;
  readonly via: Protocol;
  readonly address: Address;
}

/**
 * Where a route's dead letters go: the first broker of the route that has queues, over the protocol that the rule already
 * uses there; else a topic on the first plain MQTT broker. `outputs`: where it sends to, when that is not what its `to` says.
 */
export function deadLetterPlace(
  route: RouteConfig,
  brokers: ReadonlyMap<string, { readonly type: BrokerType }>,
  outputs: readonly Pick<ToConfig, 'broker' | 'via'>[] = route.to,
): DeadLetterPlace {
  const ends = [...outputs, route.from];
  for (const { broker } of ends) {
    const type = brokers.get(broker)?.type;
    const jmsVia = type === undefined ? undefined : flavourOf(type).jmsVia;
    if (jmsVia === undefined) continue;
    const via = ends.find((end) => end.broker === broker && end.via !== 'mqtt')?.via ?? jmsVia.to;
    return { broker, via, address: { kind: 'queue', name: route.deadLetter } };
  }
  const broker = outputs[0]?.broker ?? route.from.broker;
  return { broker, via: 'mqtt', address: { kind: 'mqtt', name: route.deadLetter.replaceAll('.', '/') } };
}

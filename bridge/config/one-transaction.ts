import type { Protocol } from '../connectors/connector.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import type { BrokerConfig, RouteConfig } from './config.js';

interface Place {
  readonly broker: string;
  readonly via: Protocol;
}

/**
 * Can a message of the route be accepted and sent in one transaction, so that it never comes twice? When everything happens on one broker
 * over STOMP, and that broker takes acknowledgements into transactions. Not for routes that share a `connection`, and not for a topic that is read
 * without a durable subscription: the connection is renewed now and then, and nothing would keep its messages meanwhile.
 *
 * @param destinations where the route sends to, its dead letters included
 */
export function isOneTransaction(
  { from, delivery }: Pick<RouteConfig, 'from' | 'delivery'>,
  destinations: readonly Place[],
  brokers: ReadonlyMap<string, Pick<BrokerConfig, 'type'>>,
): boolean {
  const type = brokers.get(from.broker)?.type;
  const canDoIt = type !== undefined && flavourOf(type).stomp?.acknowledgesInTransactions === true;
  return (
    canDoIt &&
    delivery === 'at-least-once' &&
    from.connection === undefined &&
    (from.kind === 'queue' || from.durable !== undefined) &&
    [from, ...destinations].every(({ broker, via }) => broker === from.broker && via === 'stomp')
  );
}

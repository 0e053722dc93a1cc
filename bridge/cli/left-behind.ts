import { sourceClientId } from '../config/client-ids.js';
import type { Config } from '../config/config.js';

/**
 * What the brokers keep for the old file and nobody reads with the new one: durable sessions and subscriptions. They go on
 * collecting messages until somebody removes them.
 */
export function leftBehind(old: Config, now: Config): string[] {
  const kept = new Set(durablesOf(now).map(({ identity }) => identity));
  const left = durablesOf(old).filter(({ identity }) => !kept.has(identity));
  return [...new Map(left.map(({ identity, words }) => [identity, words])).values()];
}

function durablesOf({ routes, brokers }: Config) {
  return routes.flatMap(({ name, enabled, from }) => {
    const broker = brokers.get(from.broker);
    const durable = from.kind === 'mqtt' ? from.session === 'durable' : from.durable !== undefined;
    if (!enabled || !durable || broker === undefined) return [];
    const session = from.connection ?? name;
    const clientId = sourceClientId(broker.clientId, session);
    const words =
      from.kind === 'mqtt'
        ? `the MQTT session of client id ${clientId} on ${from.broker}`
        : `the durable subscription ${from.durable ?? ''} of client id ${clientId} on ${from.broker}`;
    const place = [...broker.endpoints].map(([protocol, { host, port }]) => [protocol, host, port]);
    return [{ identity: JSON.stringify([place, from.kind === 'mqtt', clientId, from.durable]), words }];
  });
}

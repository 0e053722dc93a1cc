import { answersOf, sourceClientId } from './client-ids.js';
import type { Config, FromConfig } from './config.js';

/**
 * What the brokers keep for old rules and nobody reads with the new ones: durable sessions and subscriptions. They go on
 * collecting messages until somebody removes them.
 */
export function leftBehind(old: Config, now: Config): string[] {
  // A clean session under the same client id ends the durable one.
  const kept = new Set(durablesOf(now, 'any').map(({ identity }) => identity));
  const left = durablesOf(old).filter(({ identity }) => !kept.has(identity));
  return [...new Map(left.map(({ identity, words }) => [identity, words])).values()];
}

function durablesOf({ routes, brokers }: Config, which: 'durable' | 'any' = 'durable') {
  const sources = routes
    .filter(({ enabled }) => enabled)
    .flatMap(({ name, from, reply }): { readonly session: string; readonly from: FromConfig }[] => [
      { session: from.connection ?? name, from },
      ...(reply === undefined ? [] : [{ session: answersOf(name), from: reply.from }]),
    ]);
  return sources.flatMap(({ session, from }) => {
    const broker = brokers.get(from.broker);
    const durable =
      from.via === 'mqtt' ? which === 'any' || from.session === 'durable' : from.durable !== undefined;
    if (!durable || broker === undefined) return [];
    const clientId = sourceClientId(broker.clientId, session);
    const words =
      from.via === 'mqtt'
        ? `the MQTT session of client id ${clientId} on ${from.broker}`
        : `the durable subscription ${from.durable ?? ''} of client id ${clientId} on ${from.broker}`;
    const place = [...broker.endpoints].map(([protocol, [{ host, port }]]) => [protocol, host, port]);
    return [{ identity: JSON.stringify([place, from.via === 'mqtt', clientId, from.durable]), words }];
  });
}

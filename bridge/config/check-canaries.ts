import type { Protocol } from '../connectors/connector.js';
import { type Address, takes } from '../message/address.js';
import { canaryAddress } from './canary-place.js';
import { described, type Ends } from './ends.js';
import type { Mapping } from './schema.js';
import type { Report } from './source.js';

const PROTOCOLS: readonly Protocol[] = ['mqtt', 'amqp', 'stomp'];

/** Finds routes that would carry the canary of a broker on, or take it away. */
export function checkCanaries(mapping: Mapping, routes: readonly Ends[], report: Report): void {
  for (const { from } of routes) {
    const broker = from && mapping.brokers[from.broker];
    if (from === undefined || broker?.canary === undefined) continue;
    const taken = PROTOCOLS.map((protocol) => canaryAddress(broker.clientId, protocol)).find((address) => {
      const name = nameFor(from.kind, address);
      return name !== undefined && takes(from.pattern, name);
    });
    if (taken !== undefined)
      report.at(
        from.node,
        `${described(from)} takes in the place where the canary of "${from.broker}" goes, ${placeFor(taken)}: this route would take each canary too; read a narrower name, or leave "canary" out`,
        { severity: 'warning' },
      );
  }
}

/** Without the client id, which a variable may have filled in. */
function placeFor({ kind }: Address): string {
  return kind === 'mqtt' ? 'bridge/canary/CLIENTID' : 'bridge.canary.CLIENTID';
}

/** What a reader of this kind calls the address; undefined when it does not see it. A JMS topic a.b is the MQTT topic a/b. */
function nameFor(kind: Address['kind'], address: Address): string | undefined {
  if (kind === address.kind) return address.name;
  return kind === 'topic' && address.kind === 'mqtt' ? address.name.replaceAll('/', '.') : undefined;
}

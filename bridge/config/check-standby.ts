import { LOCK_PROTOCOLS } from './lock-place.js';
import { didYouMean } from './nearest.js';
import { protocolsOf, urlsOf } from './resolve.js';
import type { Mapping } from './schema.js';
import { type Node, nodeAt, type Report } from './source.js';

/** Finds a `standby` whose broker is not there, or is none that can have a lock. */
export function checkStandby({ standby, brokers }: Mapping, root: Node, report: Report): void {
  const node = nodeAt(root, ['standby', 'broker']);
  if (standby === undefined || node === undefined) return;
  const broker = brokers[standby.broker];
  if (broker === undefined) {
    report.at(
      node,
      `there is no broker "${standby.broker}"${didYouMean(standby.broker, Object.keys(brokers))}`,
    );
    return;
  }
  if (!protocolsOf(broker.type).includes('amqp'))
    report.at(node, `a broker of type ${broker.type} has no queues for a lock; name an ActiveMQ`);
  else if (
    broker.host === undefined &&
    LOCK_PROTOCOLS.every((protocol) => urlsOf(broker, protocol).length === 0)
  )
    report.at(node, 'the lock goes over AMQP or STOMP; give this broker a url under "amqp" or "stomp"');
}

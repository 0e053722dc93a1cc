import { connectAmqp } from '../../bridge/connectors/amqp/connect.js';
import { endpointOf } from '../contract/brokers-under-test.js';
import type { TestBroker } from './brokers.js';
import { eventually } from './eventually.js';
import { uniqueName } from './names.js';

/** What came out of numbered messages; message `n` belongs to room `n % rooms`. */
export interface Account {
  readonly arrived: ReadonlySet<number>;
  readonly duplicates: number;
  /** Messages that came after a later one of their room, duplicates left out. */
  readonly reordered: number;
}

/**
 * Takes everything from a queue of `{"n": …}` messages until `count` different ones have come. As Jepsen's total queue judges: what
 * was acknowledged to the sender arrives, and nothing else does.
 */
export async function accountFor(
  broker: TestBroker,
  queue: string,
  { rooms, count }: { readonly rooms: number; readonly count: number },
): Promise<Account> {
  const arrived = new Set<number>();
  const newest = new Map<number, number>();
  let duplicates = 0;
  let reordered = 0;
  const endpoint = { ...endpointOf(broker, 'amqp'), clientId: uniqueName('reader') };
  const connection = await connectAmqp(endpoint, new AbortController().signal);
  const levels = queue.split('.').map((literal) => ({ literal }));
  const source = await connection.source(
    { kind: 'queue', pattern: { kind: 'queue', levels }, window: 100 },
    (delivery) => {
      const { n } = JSON.parse(String(delivery.message.body)) as { n: number };
      if (arrived.has(n)) duplicates++;
      else if (n < (newest.get(n % rooms) ?? -1)) reordered++;
      else newest.set(n % rooms, n);
      arrived.add(n);
      delivery.settle('accepted');
      source.grant(1);
    },
  );
  source.grant(100);
  await eventually(() => arrived.size >= count, 60_000);
  await connection.close();
  return { arrived, duplicates, reordered };
}

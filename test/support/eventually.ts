import { setTimeout as delay } from 'node:timers/promises';

/**
 * The value of `probe` once it is neither undefined nor false; asks again every 20 ms. For what gives no event (a
 * broker's store, an HTTP answer). Fails with the last error or value after `timeout` ms.
 */
export async function eventually<Value>(
  probe: () => Promise<Value | undefined | false> | Value | undefined | false,
  timeout = 30_000,
): Promise<Value> {
  const end = Date.now() + timeout;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await delay(20);
  }
  throw new Error(`not so within ${timeout} ms`, { cause: last });
}

import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../bridge/observability/metrics.js';
import type { BridgeStatus } from '../../../bridge/status.js';
import { type Read, readExposition, sampleValue } from '../../support/exposition.js';
import { BUSY, MEASUREMENTS, MQTT, QUIET, STATUS, STOMP } from '../../support/observed.js';

async function read(status: Partial<BridgeStatus> = {}, measurements = MEASUREMENTS): Promise<Read> {
  const metrics = createMetrics(() => ({ status: { ...STATUS, ...status }, measurements }));
  return readExposition(await metrics.text());
}

describe('the metrics', () => {
  it.each([
    ['received', 40],
    ['delivered', 20],
    ['filtered', 8],
    ['duplicate', 7],
    ['lost', 6],
    ['expired', 5],
    ['retried', 4],
  ])('count the messages that were %s, by route', async (what, count) => {
    const found = await read();
    expect(sampleValue(found, `activemq_bridge_messages_${what}_total`, { route: 'busy' })).toBe(count);
    expect(sampleValue(found, `activemq_bridge_messages_${what}_total`, { route: 'quiet' })).toBe(0);
    expect(found.metrics.get(`activemq_bridge_messages_${what}_total`)?.type).toBe('counter');
  });

  it('count dead letters by reason, from zero, so that an alert sees the first one', async () => {
    const found = await read();
    const of = (route: string, reason: string) =>
      sampleValue(found, 'activemq_bridge_messages_dead_lettered_total', { route, reason });
    expect(of('busy', 'message-refused')).toBe(2);
    expect(of('busy', 'mapping-failed')).toBe(1);
    expect(of('busy', 'destination-refused')).toBe(0);
    expect(of('quiet', 'message-refused')).toBe(0);
  });

  it('tell what is on its way, what is held up, and what a source may hand over', async () => {
    const found = await read();
    expect(sampleValue(found, 'activemq_bridge_ready')).toBe(0);
    expect(sampleValue(found, 'activemq_bridge_messages_in_flight', { route: 'busy' })).toBe(2);
    expect(sampleValue(found, 'activemq_bridge_oldest_in_flight_seconds', { route: 'busy' })).toBe(12);
    expect(sampleValue(found, 'activemq_bridge_route_running', { route: 'busy' })).toBe(0);
    expect(sampleValue(found, 'activemq_bridge_route_running', { route: 'quiet' })).toBe(1);
    expect(sampleValue(found, 'activemq_bridge_source_credit', { connection: MQTT.name })).toBe(17);
  });

  it('tell of each connection whether it is up, and how often it came up again', async () => {
    const found = await read();
    const { name: connection, ...mqtt } = MQTT;
    expect(sampleValue(found, 'activemq_bridge_connection_up', { connection, ...mqtt })).toBe(1);
    expect(sampleValue(found, 'activemq_bridge_connection_up', { connection: STOMP.name })).toBe(0);
    expect(sampleValue(found, 'activemq_bridge_reconnects_total', { connection, ...mqtt })).toBe(3);
  });

  it('have histograms whose buckets take in the smaller ones, up to all of them', async () => {
    const found = await read();
    const buckets = found.samples.filter(({ name }) => name === 'activemq_bridge_delivery_seconds_bucket');
    expect(buckets.map(({ labels, value }) => [labels.route, labels.le, value])).toEqual([
      ['busy', '0.1', 1],
      ['busy', '1', 2],
      ['busy', '+Inf', 3],
    ]);
    expect(sampleValue(found, 'activemq_bridge_delivery_seconds_count', { route: 'busy' })).toBe(3);
    expect(sampleValue(found, 'activemq_bridge_delivery_seconds_sum', { route: 'busy' })).toBeCloseTo(7.55);
    expect(found.metrics.get('activemq_bridge_delivery_seconds')?.type).toBe('histogram');
    expect(sampleValue(found, 'activemq_bridge_batch_messages_sum', { connection: STOMP.name })).toBe(9);
  });

  it('tell of canaries, and nothing of a round trip that there was not yet', async () => {
    const found = await read();
    const trips = found.samples.filter(({ name }) => name === 'activemq_bridge_canary_round_trip_seconds');
    expect(trips).toEqual([
      { name: trips[0]?.name, labels: { broker: 'activemq', protocol: 'stomp' }, value: 1.25 },
    ]);
    expect(sampleValue(found, 'activemq_bridge_canary_late', { protocol: 'stomp' })).toBe(1);
    expect(sampleValue(found, 'activemq_bridge_canary_late', { protocol: 'mqtt' })).toBe(0);
  });

  it('say when the mapping file was found broken, and that it is not before anybody changed it', async () => {
    const at = '2026-01-01T00:00:02.000Z';
    const successful = async (status: Partial<BridgeStatus>) =>
      sampleValue(await read(status), 'activemq_bridge_last_reload_successful');
    expect(await successful({})).toBe(1);
    expect(await successful({ lastReload: { ok: false, at, problems: ['a key too many'] } })).toBe(0);
  });

  it('leave out a disabled route, which is not one that waits', async () => {
    const found = await read({ routes: [{ ...BUSY, state: 'disabled' }, QUIET] });
    const routes = found.samples.filter(({ name }) => name === 'activemq_bridge_route_running');
    expect(routes.map(({ labels }) => labels.route)).toEqual(['quiet']);
  });

  it('tell of a bridge that stands by that it does so, and of no route that waits', async () => {
    expect(sampleValue(await read(), 'activemq_bridge_standby')).toBe(0);
    const found = await read({ state: 'standby', ready: false });
    expect(sampleValue(found, 'activemq_bridge_standby')).toBe(1);
    expect(found.samples.filter(({ name }) => name === 'activemq_bridge_route_running')).toEqual([]);
  });

  it('carry a name with quotes, backslashes and line ends as it is', async () => {
    const name = 'a "b" \\n c\nd';
    const found = await read({ routes: [{ ...QUIET, name }] });
    expect(sampleValue(found, 'activemq_bridge_route_running', { route: name })).toBe(1);
  });

  it('write every sample of many routes', async () => {
    const routes = Array.from({ length: 1_201 }, (_, index) => ({ ...QUIET, name: `route-${index}` }));
    const found = await read({ routes });
    const samples = found.samples.filter(({ name }) => name === 'activemq_bridge_messages_received_total');
    expect(new Set(samples.map(({ labels }) => labels.route)).size).toBe(1_201);
  });

  it("tell of the process, the event loop's lag among it", async () => {
    const found = await read();
    expect(sampleValue(found, 'process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(sampleValue(found, 'nodejs_eventloop_lag_p99_seconds')).toBeTypeOf('number');
  });

  it('keep to the conventions for names: one prefix, counters and nothing else end in _total, base units', async () => {
    const { metrics } = await read();
    const own = [...metrics].filter(([name]) => name.startsWith('activemq_bridge_'));
    expect(own.length).toBeGreaterThan(15);
    for (const [name, { type, help }] of own) {
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name).not.toMatch(/_(ms|millis|milliseconds|minutes|kib|mib|kilobytes)(_|$)/);
      expect(help, name).toMatch(/^\S.*\.$/);
    }
  });
});

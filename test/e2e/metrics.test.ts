import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokerEnvironment } from '../support/bridge.js';
import { freePort, startClassic, type TestBroker } from '../support/brokers.js';
import { joinChat } from '../support/chat-member.js';
import { eventually } from '../support/eventually.js';
import { type Read, readExposition, sampleValue } from '../support/exposition.js';
import { oneBroker } from '../support/mapping.js';
import { CommandLine } from '../support/up.js';

const ROUTE = { route: 'carry' };

describe('the metrics of a running bridge', () => {
  let broker: TestBroker;
  let bridge: CommandLine;
  let folder = '';
  let port = 0;

  beforeAll(async () => {
    broker = await startClassic();
    folder = await mkdtemp(join(tmpdir(), 'metrics-'));
    port = await freePort();
    const file = join(folder, 'mapping.yaml');
    await writeFile(
      file,
      `${oneBroker('activemq', { lanes: 1, canary: '{ every: 1s }' })}
routes:
  carry:
    from: { mqtt: "test/{room}" }
    where: body.kind != "noise"
    to: { queue: test.copy, via: stomp, properties: { sender: "{body.from}" } }
http: { port: ${port} }
`,
    );
    bridge = new CommandLine(['--log-format', 'json', 'run', file], brokerEnvironment(broker));
    await bridge.says(/bridge\.started/);
  });
  afterAll(async () => {
    await bridge?.interrupt();
    await broker?.stop();
    await rm(folder, { recursive: true });
  });

  const scrape = async (): Promise<Read> =>
    readExposition(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  const becomes = (is: (found: Read) => boolean) =>
    eventually(async () => {
      const found = await scrape();
      return is(found) ? found : undefined;
    });
  const isReady = (found: Read) => sampleValue(found, 'activemq_bridge_ready') === 1;
  const all = ({ samples }: Read, wanted: string) =>
    samples.filter(({ name }) => name === wanted).map(({ value }) => value);

  it('count what becomes of each message, and how long the delivered ones took', async () => {
    await becomes(isReady);
    const member = await joinChat(broker, 'ann');
    const said = [
      { kind: 'text', from: 'ann' },
      { kind: 'noise' },
      { kind: 'text', from: 'bob' },
      // The rule asks for what it does not have.
      { from: 'ann' },
      { kind: 'text', from: 'ann' },
    ];
    for (const body of said) await member.publish('test/lobby', JSON.stringify(body));
    await member.leave();

    const count = (found: Read, what: string, labels = {}) =>
      sampleValue(found, `activemq_bridge_messages_${what}_total`, { ...ROUTE, ...labels });
    const found = await becomes(
      (now) =>
        count(now, 'delivered') === 3 && count(now, 'dead_lettered', { reason: 'mapping-failed' }) === 1,
    );
    expect(count(found, 'received')).toBe(5);
    expect(count(found, 'filtered')).toBe(1);
    expect(count(found, 'dead_lettered', { reason: 'message-refused' })).toBe(0);
    expect(sampleValue(found, 'activemq_bridge_delivery_seconds_count', ROUTE)).toBe(3);
    expect(sampleValue(found, 'activemq_bridge_delivery_seconds_bucket', { ...ROUTE, le: '+Inf' })).toBe(3);
    expect(sampleValue(found, 'activemq_bridge_delivery_seconds_sum', ROUTE)).toBeGreaterThan(0);
    // The three and the dead letter, however many of them went together.
    expect(sampleValue(found, 'activemq_bridge_batch_messages_sum', { protocol: 'stomp' })).toBe(4);
    const idle = await becomes((now) => sampleValue(now, 'activemq_bridge_messages_in_flight', ROUTE) === 0);
    expect(sampleValue(idle, 'activemq_bridge_source_credit', { protocol: 'mqtt' })).toBeGreaterThan(0);
  });

  it('tell of the canaries, and of the process', async () => {
    const found = await becomes(
      (now) => all(now, 'activemq_bridge_canary_round_trip_seconds').length === 2 && isReady(now),
    );
    expect(all(found, 'activemq_bridge_canary_late')).toEqual([0, 0]);
    expect(sampleValue(found, 'nodejs_eventloop_lag_p99_seconds')).toBeTypeOf('number');
    expect(sampleValue(found, 'process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('count each connection that came up again after its broker was restarted', async () => {
    const before = await becomes(isReady);
    expect(all(before, 'activemq_bridge_connection_up')).toEqual([1, 1]);
    const counts = all(before, 'activemq_bridge_reconnects_total');
    expect(counts).toHaveLength(2);

    await broker.kill();
    await becomes((now) => all(now, 'activemq_bridge_connection_up').every((up) => up === 0));
    expect(all(await scrape(), 'activemq_bridge_route_running')).toEqual([0]);

    await broker.restart();
    const after = await becomes(isReady);
    const grown = all(after, 'activemq_bridge_reconnects_total').map(
      (count, index) => count - (counts[index] ?? 0),
    );
    expect(Math.min(...grown)).toBeGreaterThan(0);
    // They go on where they were; a message whose acknowledgement the broker had not written comes again.
    expect(sampleValue(after, 'activemq_bridge_messages_delivered_total', ROUTE)).toBeGreaterThanOrEqual(3);
  });

  it('hold no password, and nothing of a message', async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(text).toContain('route="carry"');
    expect(text).not.toContain(broker.accounts.bridge.password);
    expect(text).not.toContain('lobby');
  });
});

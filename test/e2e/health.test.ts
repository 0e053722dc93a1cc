import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokerEnvironment, CHAT_MAPPING } from '../support/bridge.js';
import { freePort, startClassic, type TestBroker } from '../support/brokers.js';
import { eventually } from '../support/eventually.js';
import { CommandLine } from '../support/up.js';

interface Answer {
  readonly status: number;
  readonly body: { readonly ready: boolean; readonly reasons: readonly string[] };
  readonly text: string;
}

describe('the health of a running bridge', () => {
  let broker: TestBroker;
  let bridge: CommandLine;
  let url = '';

  beforeAll(async () => {
    broker = await startClassic();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    bridge = new CommandLine(['--log-format', 'json', 'run', CHAT_MAPPING], {
      ...brokerEnvironment(broker),
      HTTP_PORT: String(port),
    });
    await bridge.says(/bridge\.started/);
  });
  afterAll(async () => {
    await bridge?.interrupt();
    await broker?.stop();
  });

  const ask = async (path: string): Promise<Answer> => {
    const response = await fetch(url + path);
    const text = await response.text();
    return { status: response.status, text, body: JSON.parse(text) as Answer['body'] };
  };
  const becomes = (status: number) =>
    eventually(async () => {
      const answer = await ask('/health/ready');
      return answer.status === status ? answer : undefined;
    });

  it('turns from ready to not ready, with reasons, and back, without a restart', async () => {
    expect((await becomes(200)).body).toEqual({ ready: true, reasons: [] });

    await broker.kill();
    await becomes(503);
    // Each connection finds out for itself.
    const named = (protocol: string) =>
      new RegExp(`broker activemq, ${protocol} \\(.*: .* \\[connection-(lost|failed)`);
    await eventually(async () => {
      const reasons = (await ask('/health')).body.reasons.join('\n');
      return ['MQTT', 'AMQP', 'STOMP'].every((protocol) => named(protocol).test(reasons));
    });
    expect((await ask('/health/live')).status).toBe(200);

    await broker.restart();
    expect((await becomes(200)).body).toEqual({ ready: true, reasons: [] });
    expect(bridge.output.match(/bridge\.started/g)).toHaveLength(1);
  });

  it('says that a broker which holds its connections open, and answers nothing, is gone', async () => {
    await becomes(200);
    await broker.pause();
    try {
      const { body } = await becomes(503);
      expect(body.reasons.join('\n')).toContain('broker activemq, ');
    } finally {
      broker.resume();
    }
    await becomes(200);
  });

  it('tells every connection and route, and no password', async () => {
    await becomes(200);
    const { text } = await ask('/health');
    const { connections, routes } = JSON.parse(text) as {
      connections: { name: string; state: string }[];
      routes: { name: string; state: string }[];
    };
    expect(connections.every(({ state }) => state === 'up')).toBe(true);
    expect(routes.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'room-to-jms running',
      'room-commands running',
      'jms-to-room running',
      'answers-to-room running',
    ]);
    expect(text).not.toContain(broker.accounts.bridge.password);
    expect(bridge.output).not.toContain(broker.accounts.bridge.password);
  });
});

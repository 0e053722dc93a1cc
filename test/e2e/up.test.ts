import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fetchActiveMq, startActiveMq } from '../../bridge/launch/activemq.js';
import { findCheckout } from '../../bridge/launch/checkout.js';
import { portState } from '../../bridge/launch/ports.js';
import { readPorts } from '../../bridge/launch/settings.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/names.js';
import { CommandLine, close, freePortSettings, listen, type UpPorts } from '../support/up.js';

const started: CommandLine[] = [];
const begin = (args: readonly string[], settings: Readonly<Record<string, string>>) => {
  const command = new CommandLine(args, settings);
  started.push(command);
  return command;
};
let data = '';

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'bridge-up-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((command) => command.interrupt()));
});
afterAll(() => rm(data, { recursive: true, force: true }));

/** Not `connectAsync`: what the session has kept may come in the same packet as the broker's welcome. */
const loginToMqtt = (ports: UpPorts, clientId: string) =>
  mqtt.connect({
    host: '127.0.0.1',
    port: Number(ports.ACTIVEMQ_MQTT_PORT),
    username: 'ann',
    password: 'ann-try-out',
    clientId,
    clean: false,
    reconnectPeriod: 0,
  });

async function openPorts(ports: UpPorts): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(ports).map(async ([name, port]) => [name, await portState('127.0.0.1', Number(port))]),
  );
  return found.flatMap(([name, state]) => (state === 'taken' && name !== undefined ? [name] : []));
}

describe('up', { timeout: 240_000 }, () => {
  it('brings everything up, ends on Ctrl-C with every port closed, and keeps what the broker holds', async () => {
    const ports = await freePortSettings();
    const topic = `chat/${uniqueName('kept')}/messages`;
    const member = uniqueName('member');

    const first = begin(['up', '--data', data], ports);
    await first.says(/To stop +Ctrl-C/);
    expect(first.output).toContain(`Chat page    http://localhost:${ports.HTTP_PORT}/`);
    const [, token = ''] =
      /Dashboard +http:\/\/localhost:\d+\/dashboard#token=([0-9a-f]{32})$/m.exec(first.output) ?? [];
    const letters = await fetch(`http://127.0.0.1:${ports.HTTP_PORT}/api/dead-letters`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(letters.status, await letters.text()).toBe(200);
    expect(first.output).toMatch(/Accounts +ann \/ ann-try-out +bob \/ bob-try-out +.*for trying out only/);
    const ready = await fetch(`http://127.0.0.1:${ports.HTTP_PORT}/health/ready`);
    expect(ready.status, await ready.text()).toBe(200);
    const page = await fetch(`http://127.0.0.1:${ports.HTTP_PORT}/`);
    expect(await page.text()).toContain('<script type="module" src="chat.js">');
    const joining = loginToMqtt(ports, member);
    await joining.subscribeAsync(topic, { qos: 1 });
    await joining.endAsync();
    const ann = loginToMqtt(ports, uniqueName('ann'));
    await ann.publishAsync(topic, 'still here', { qos: 1 });
    await ann.endAsync();
    expect(await first.interrupt()).toBe(0);
    expect(first.output).toMatch(/Stopping[\s\S]*The broker has stopped; its messages are kept/);
    expect(await openPorts(ports)).toEqual([]);

    const second = begin(['up', '--data', data], ports);
    await second.says(/To stop +Ctrl-C/);
    const again = loginToMqtt(ports, member);
    const kept = new Promise<string>((resolve) => again.once('message', (_, body) => resolve(String(body))));
    expect(await kept).toBe('still here');
    await again.endAsync();
    second.signal('SIGTERM');
    expect(await second.exited).toBe(0);
    expect(await openPorts(ports)).toEqual([]);
  });

  it('ends with npm start when that is asked to end, and says whose messages are in use by another', async () => {
    const ports = await freePortSettings();
    const { top } = findCheckout();
    const npm = new CommandLine(['start', '--', '--data', data], ports, { command: 'npm', cwd: top });
    started.push(npm);
    await npm.says(/To stop +Ctrl-C/);

    const second = begin(['up', '--data', data], await freePortSettings());
    expect(await second.exited).toBe(1);
    expect(second.output).toContain(`another broker uses the messages in ${data}; stop it, or give --data`);
    expect(second.output).not.toMatch(/Exception|^ +at /m);

    npm.signal('SIGTERM');
    await npm.exited;
    await eventually(async () => (await openPorts(ports)).length === 0);
    expect(npm.output).toMatch(/Stopping/);
  });

  it('uses a broker that already runs there, and leaves it running', async () => {
    const { broker: confDir, cache: cacheDir } = findCheckout();
    const ports = await freePortSettings();
    const broker = await startActiveMq({
      libDir: await fetchActiveMq({ cacheDir, say: () => {} }),
      confDir,
      dataDir: join(data, 'theirs'),
      ports: readPorts(ports),
    });
    try {
      const onPage = await listen(Number(ports.HTTP_PORT));
      const refused = begin(['up'], ports);
      expect(await refused.exited).toBe(1);
      expect(refused.output).toContain(`HTTP port ${ports.HTTP_PORT} is taken; move it with HTTP_PORT=`);
      expect(refused.output).not.toContain('STOMP port');
      await close(onPage);

      const command = begin(['up'], ports);
      await command.says(/Using the ActiveMQ 6\.1\.8 that already runs/);
      await command.says(/To stop +Ctrl-C \(the bridge only/);
      expect(command.output).toContain('ann / ann-try-out');
      expect(await command.interrupt()).toBe(0);
      const { HTTP_PORT: _, ...brokerPorts } = ports;
      expect(await openPorts(ports)).toEqual(Object.keys(brokerPorts));
    } finally {
      await broker.stop();
    }
  });

  it('says so and exits 1 when the broker ends under way', async () => {
    const ports = await freePortSettings();
    const command = begin(['up', '--data', join(data, 'dies')], ports);
    await command.says(/To stop +Ctrl-C/);
    const pid = /\(process (\d+)\)/.exec(command.output)?.[1];
    process.kill(Number(pid), 'SIGKILL');
    expect(await command.exited).toBe(1);
    expect(command.output).toMatch(/error: the broker ended by itself/);
    expect(await openPorts(ports)).toEqual([]);
  });
});

describe('up with something else on a port', () => {
  it.each([
    ['HTTP_PORT', 'HTTP'],
    ['ACTIVEMQ_MQTT_PORT', 'MQTT'],
    ['ACTIVEMQ_WS_PORT', 'WebSocket'],
  ] as const)('names the port and %s, exits 1 and starts nothing', async (variable, label) => {
    const ports = await freePortSettings();
    const foreign = await listen(Number(ports[variable]));
    const command = begin(['up', '--data', data], ports);
    expect(await command.exited).toBe(1);
    expect(command.output).toContain(
      `${label} port ${ports[variable]} is taken; move it with ${variable}=<another port>`,
    );
    expect(await openPorts(ports)).toEqual([variable]);
    await close(foreign);
  });

  it('says what is wrong with a listener on the broker ports that is no ActiveMQ', async () => {
    const ports = await freePortSettings();
    const foreign = await Promise.all([
      listen(Number(ports.ACTIVEMQ_MQTT_PORT)),
      listen(Number(ports.ACTIVEMQ_STOMP_PORT)),
    ]);
    for (const server of foreign) server.on('connection', (socket) => socket.end());
    const command = begin(['up', '--data', data], ports);
    expect(await command.exited).toBe(1);
    expect(command.output).toContain(
      `port ${ports.ACTIVEMQ_STOMP_PORT} is no ActiveMQ Classic that can be used`,
    );
    expect(command.output).not.toMatch(/^ +at /m);
    await Promise.all(foreign.map(close));
  });

  it('exits 2 for a setting that is no port', async () => {
    const command = begin(['up'], { HTTP_PORT: 'eighty' });
    expect(await command.exited).toBe(2);
    expect(command.output).toContain('HTTP_PORT="eighty" is not a port');
  });
});

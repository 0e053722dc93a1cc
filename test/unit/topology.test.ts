import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createBridge } from '../../bridge/bridge.js';
import { loadConfig } from '../../bridge/config/load.js';
import { silentLog } from '../../bridge/observability/log.js';
import { topologyOf } from '../../bridge/topology.js';

async function load(name: string) {
  const file = fileURLToPath(new URL(`../../mappings/${name}.yaml`, import.meta.url));
  const result = await loadConfig(file, {});
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.config;
}

describe('the topology of a mapping file', () => {
  it('has every broker, and of every route where it reads, writes and keeps dead letters', async () => {
    const end = { broker: 'activemq' };
    const deadLetter = { ...end, protocol: 'stomp', kind: 'queue', name: 'bridge.dead-letter' };
    expect(topologyOf(await load('chat'))).toEqual({
      brokers: [{ name: 'activemq', type: 'activemq' }],
      routes: [
        {
          name: 'room-to-jms',
          from: { ...end, protocol: 'mqtt', kind: 'mqtt', name: 'chat/{room}/messages' },
          to: [
            { ...end, protocol: 'stomp', kind: 'topic', name: 'rooms.{room}' },
            { ...end, protocol: 'stomp', kind: 'queue', name: 'chat-archive' },
            { ...end, protocol: 'stomp', kind: 'queue', name: 'chat-history.{room}' },
          ],
          deadLetter,
        },
        {
          name: 'jms-to-room',
          from: { ...end, protocol: 'amqp', kind: 'queue', name: 'chat-outbox' },
          to: [{ ...end, protocol: 'stomp', kind: 'mqtt', name: 'chat/{properties.room}/messages' }],
          deadLetter,
        },
        {
          name: 'room-commands',
          from: { ...end, protocol: 'mqtt', kind: 'mqtt', name: 'chat/{room}/messages' },
          to: [{ ...end, protocol: 'stomp', kind: 'queue', name: 'chat-commands' }],
          deadLetter,
        },
        {
          name: 'answers-to-room',
          from: { ...end, protocol: 'amqp', kind: 'queue', name: 'chat-answers' },
          to: [{ ...end, protocol: 'stomp', kind: 'mqtt', name: 'chat/{message.correlationId}/messages' }],
          deadLetter,
        },
      ],
    });
  });

  it.each(['chat', 'artemis', 'request-reply', 'mosquitto-to-activemq', 'virtual-topics', 'iot-commands'])(
    'names the routes of mappings/%s.yaml as the status does',
    async (name) => {
      const config = await load(name);
      const names = topologyOf(config).routes.map((route) => route.name);
      const status = createBridge(config, silentLog).status();
      expect([...names].sort()).toEqual(status.routes.map((route) => route.name).sort());
    },
  );
});

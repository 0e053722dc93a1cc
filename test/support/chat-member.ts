import { connectAsync } from 'mqtt';
import type { TestBroker } from './brokers.js';

/** A chat client on Node's mqtt, as in a browser or a program of somebody else's. */
export interface ChatMember {
  /** QoS 1; resolves when the broker has confirmed it. */
  publish(topic: string, payload: string | Buffer): Promise<void>;
  /** Subscribes with QoS 1; `first` is the first payload from then on that the predicate takes. */
  listen(topic: string, wanted?: (payload: Buffer) => boolean): Promise<{ readonly first: Promise<Buffer> }>;
  /** Subscribes with QoS 1 to a filter; resolves with a count of what has come so far. */
  listenAll(filter: string, take: (topic: string, payload: Buffer) => void): Promise<() => number>;
  leave(): Promise<void>;
}

/** Logs in with a clean MQTT 3.1.1 session. */
export async function joinChat(broker: TestBroker, account: 'ann' | 'bob'): Promise<ChatMember> {
  const client = await connectAsync(`mqtt://${broker.host}:${broker.ports.mqtt}`, {
    ...broker.accounts[account],
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  return {
    async publish(topic, payload) {
      await client.publishAsync(topic, payload, { qos: 1 });
    },
    async listen(topic, wanted = () => true) {
      const first = new Promise<Buffer>((resolve) => {
        const take = (from: string, payload: Buffer) => {
          if (from !== topic || !wanted(payload)) return;
          client.off('message', take);
          resolve(payload);
        };
        client.on('message', take);
      });
      await client.subscribeAsync(topic, { qos: 1 });
      return { first };
    },
    async listenAll(filter, take) {
      let count = 0;
      const levels = filter.split('/');
      client.on('message', (topic, payload) => {
        if (!topic.split('/').every((level, index) => levels[index] === '+' || levels[index] === level))
          return;
        count++;
        take(topic, payload);
      });
      await client.subscribeAsync(filter, { qos: 1 });
      return () => count;
    },
    leave: () => client.endAsync(),
  };
}

/** The JSON of a message in a room (design of the chat protocol: `chat/{room}/messages`). */
export function chatMessage(from: string, text: string): string {
  return JSON.stringify({
    type: 'text',
    id: crypto.randomUUID(),
    from,
    text,
    sentAt: new Date().toISOString(),
  });
}

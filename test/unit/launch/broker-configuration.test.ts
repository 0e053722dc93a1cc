import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCheckout } from '../../../bridge/launch/checkout.js';

const xml = readFileSync(join(findCheckout().broker, 'activemq.xml'), 'utf8');

/** Each connector of the broker that `up` starts, by name. */
const connectors = new Map(
  [...xml.matchAll(/<transportConnector name="(\w+)" uri="([^"]+)"/g)].map(([, name = '', uri = '']) => [
    name,
    uri.replaceAll('&amp;', '&'),
  ]),
);

describe("the broker's configuration", () => {
  it('has a connector for each protocol, and no other', () => {
    expect([...connectors.keys()]).toEqual(['mqtt', 'amqp', 'stomp', 'openwire', 'ws']);
  });

  it.each([...connectors])(
    'lets %s be reached from this machine only, unless told otherwise',
    (name, uri) => {
      expect(uri).toContain(`//\${activemq.host:127.0.0.1}:\${activemq.${name}.port:`);
    },
  );

  // Jetty, which serves WebSocket, sets it by itself.
  it.each([...connectors].filter(([name]) => name !== 'ws'))('sends %s answers without delay', (_, uri) => {
    expect(uri).toContain('transport.tcpNoDelay=true');
  });

  // Under `wireFormat.`, where ActiveMQ's documentation has it, it changes nothing: the broker then waits 30 s.
  it.each([...connectors].filter(([name]) => name !== 'ws'))('lets %s wait 10 s for a login', (_, uri) => {
    expect(uri).toContain('transport.connectAttemptTimeout=10000');
  });

  it('converts AMQP messages for Java, and lets an MQTT session hold more than 100 messages', () => {
    expect(connectors.get('amqp')).toContain('transport.transformer=jms');
    expect(connectors.get('mqtt')).toMatch(/transport\.activeMQSubscriptionPrefetch=1024\b/);
  });
});

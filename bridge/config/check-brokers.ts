import type { Protocol } from '../connectors/connector.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import { readBrokerUrl } from './address-url.js';
import { slipFor } from './nearest.js';
import { protocolsOf, urlsOf } from './resolve.js';
import { type BrokerInput, keysAt, type Mapping } from './schema.js';
import { type Node, nodeAt, type Report } from './source.js';

const PROTOCOLS: readonly Protocol[] = ['mqtt', 'amqp', 'stomp'];

/** What the keys of one broker mean together. */
export function checkBrokers(mapping: Mapping, root: Node, report: Report): void {
  for (const [name, broker] of Object.entries(mapping.brokers)) {
    const node = nodeAt(root, ['brokers', name]);
    if (node?.kind === 'map') checkBroker(broker, node, report);
  }
}

function checkBroker(broker: BrokerInput, node: Node & { kind: 'map' }, report: Report): void {
  const keyOf = (key: string) => node.entries.get(key)?.key ?? node.start;
  const has = (key: string) => node.entries.has(key);
  const known = keysAt(['brokers', '']);
  const meant = ['host', ...PROTOCOLS].some((key) => slipFor(key, node.entries.keys(), known) !== undefined);
  if (!has('host') && !PROTOCOLS.some(has) && !meant)
    report.add(
      'error',
      node.key ?? node.start,
      'a broker needs a "host", or a url under "mqtt", "amqp" or "stomp"',
    );
  for (const protocol of PROTOCOLS)
    if (has(protocol) && !protocolsOf(broker.type).includes(protocol))
      report.add(
        'error',
        keyOf(protocol),
        `a broker of type ${broker.type} has only MQTT; "${protocol}" needs activemq or artemis`,
      );
  const { product, mqtt } = flavourOf(broker.type);
  if (!mqtt.versions.includes(broker.mqttVersion))
    report.add(
      'error',
      keyOf('mqttVersion'),
      `${product} speaks no MQTT ${broker.mqttVersion}; write "mqttVersion: ${mqtt.versions.join(' or ')}" or leave it out`,
    );
  if (has('password') && !has('username'))
    report.add('error', keyOf('password'), 'a "password" needs a "username"');
  const { tls } = broker;
  if (tls === undefined) return;
  if ((tls.cert === undefined) !== (tls.key === undefined))
    report.add('error', keyOf('tls'), '"cert" and "key" belong together: give both or neither');
  if (
    !has('host') &&
    !PROTOCOLS.some((protocol) => urlsOf(broker, protocol).some((url) => asksForTls(protocol, url)))
  )
    report.add(
      'error',
      keyOf('tls'),
      '"tls" has nothing to act on: no url asks for TLS (mqtts:, amqps:, stomps:)',
    );
}

function asksForTls(protocol: Protocol, url: string): boolean {
  const target = readBrokerUrl(protocol, url);
  return 'tls' in target && target.tls;
}

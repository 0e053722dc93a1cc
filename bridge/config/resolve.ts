import type { BrokerType, Protocol } from '../connectors/connector.js';
import { flavourOf } from '../connectors/flavours/flavour.js';
import type { AddressKind } from '../message/address.js';
import type { BrokerInput, FromInput, ToInput } from './schema.js';

/** What a rule means where it says nothing: read by the checks and by build.ts alike. */

export const KINDS: readonly AddressKind[] = ['mqtt', 'queue', 'topic'];

/** The address that a `from`, `to` or `replyTo` names; undefined when it names none. */
export function addressOf(
  end: Partial<Pick<FromInput | ToInput, AddressKind>>,
): { readonly kind: AddressKind; readonly text: string } | undefined {
  for (const kind of KINDS) {
    const text = end[kind];
    if (text !== undefined) return { kind, text };
  }
  return undefined;
}

/** The name of the broker: the one given, or the only one there is. */
export function brokerOf(
  end: Pick<FromInput | ToInput, 'broker'>,
  names: readonly string[],
): string | undefined {
  return end.broker ?? (names.length === 1 ? names[0] : undefined);
}

/**
 * The protocol: the one given, or the usual one of the broker; undefined where the broker has none for this kind. `offers`: whether
 * the file says where the broker speaks a protocol.
 */
export function viaOf(
  side: 'from' | 'to',
  end: Pick<FromInput | ToInput, 'via'> & MqttKeys,
  kind: AddressKind,
  { type, mqttVersion }: Pick<BrokerInput, 'type' | 'mqttVersion'>,
  offers: (protocol: Protocol) => boolean,
): Protocol | undefined {
  if (end.via !== undefined) return end.via;
  if (kind !== 'mqtt') return flavourOf(type).jmsVia?.[side];
  const { writtenVia, readAsJms } = flavourOf(type).mqtt;
  if (side === 'to') return writtenVia !== undefined && offers(writtenVia) ? writtenVia : 'mqtt';
  const asJms = readAsJms !== undefined && mqttVersion !== 5 && onlyOverMqtt(end) === undefined;
  return asJms && offers(readAsJms.via) ? readAsJms.via : 'mqtt';
}

/** What a source says of MQTT. */
export type MqttKeys = Partial<Pick<FromInput, 'mqtt' | 'qos' | 'session' | 'share' | 'connection'>>;

/** The key of a source of an MQTT topic that a JMS topic has not, if there is one. */
export function onlyOverMqtt({ mqtt = '', qos, session, share, connection }: MqttKeys): string | undefined {
  if (share !== undefined) return 'share';
  if (connection !== undefined) return 'connection';
  if (session === 'clean') return 'session';
  if (qos !== undefined && qos !== 1) return 'qos';
  // The broker's own addresses are no MQTT topics: only over MQTT does a first level of any name leave them out.
  if (mqtt.startsWith('{')) return 'mqtt';
  // As parts of a level they are written in another way there.
  return /[.\\*:$]/.test(mqtt.replace(/\{[^}]*\}/g, '')) ? 'mqtt' : undefined;
}

/** The urls of a protocol, to be tried in turn; none where the `host` says where it is. */
export function urlsOf(broker: Pick<BrokerInput, Protocol>, protocol: Protocol): readonly string[] {
  const urls = broker[protocol];
  return urls === undefined ? [] : typeof urls === 'string' ? [urls] : urls;
}

/** Whether a broker's keys say where it speaks a protocol. */
export const offersOf =
  (broker: Partial<Record<Protocol | 'host', unknown>>) =>
  (protocol: Protocol): boolean =>
    broker.host !== undefined || broker[protocol] !== undefined;

/** The protocols that a type of broker offers. */
export function protocolsOf(type: BrokerType): readonly Protocol[] {
  return flavourOf(type).jmsVia === undefined ? ['mqtt'] : ['mqtt', 'amqp', 'stomp'];
}

/** What may be written as one or as a list, as a list. */
export function listOf<Item extends object>(items: Item | readonly Item[]): readonly Item[] {
  return Array.isArray(items) ? (items as readonly Item[]) : [items as Item];
}

import type { EventEmitter } from 'node:events';
import rhea, { type EventContext, type Source } from 'rhea';
import type { TestBroker } from './brokers.js';
import { javaDestinations } from './java.js';

/**
 * What a broker has queues and topics for, each as `queue NAME` or `topic NAME`, sorted. Of Artemis: every address with what it
 * routes to; `queue ADDRESS::NAME` is a queue that is not named as its address.
 */
export async function destinationsOf(broker: TestBroker): Promise<readonly string[]> {
  const found = broker.type === 'activemq' ? await ofClassic(broker) : await ofArtemis(broker);
  return [...new Set(found)].toSorted();
}

async function ofClassic({ host, ports, accounts }: TestBroker): Promise<string[]> {
  const url = `tcp://${host}:${ports.openwire}`;
  const found = await javaDestinations({ url, account: accounts.bridge });
  return found.map(({ kind, name }) => `${kind} ${name}`);
}

/** More rows than any test makes. */
const ROWS = 10_000;
const EVERY = JSON.stringify({ field: '', operation: '', value: '' });

async function ofArtemis(broker: TestBroker): Promise<string[]> {
  const { answers, list, close } = await openManagement(broker);
  try {
    const addresses = await list<{ name: string; routingTypes: string }>('listAddresses');
    const queues = await list<{ name: string; address: string; routingType: string }>('listQueues');
    return [
      ...addresses.flatMap(({ name, routingTypes }) => [
        ...(routingTypes.includes('ANYCAST') && name !== answers ? [`queue ${name}`] : []),
        ...(routingTypes.includes('MULTICAST') ? [`topic ${name}`] : []),
      ]),
      ...queues.flatMap(({ name, address, routingType }) =>
        routingType === 'ANYCAST' && name !== address ? [`queue ${address}::${name}`] : [],
      ),
    ];
  } finally {
    close();
  }
}

/** The broker's management over AMQP: a message asks for one call, its answer is JSON. */
async function openManagement(broker: TestBroker) {
  const connection = rhea.create_container().connect({
    host: broker.host,
    port: broker.ports.amqp ?? 0,
    ...broker.accounts.bridge,
    reconnect: false,
  });
  const lost = new Promise<never>((_, reject) => {
    connection.on('disconnected', () => reject(new Error('the connection for management is gone')));
  });
  lost.catch(() => {});
  const once = (emitter: EventEmitter, event: string) =>
    Promise.race([lost, new Promise<EventContext>((resolve) => emitter.once(event, resolve))]);
  const sender = connection.open_sender('activemq.management');
  const receiver = connection.open_receiver({ source: { dynamic: true } as Source });
  await Promise.all([once(sender, 'sendable'), once(receiver, 'receiver_open')]);
  const answers = receiver.source.address;

  const list = async <Row>(operation: string): Promise<readonly Row[]> => {
    const answer = once(receiver, 'message');
    sender.send({
      reply_to: answers,
      application_properties: { _AMQ_ResourceName: 'broker', _AMQ_OperationName: operation },
      body: JSON.stringify([EVERY, 1, ROWS]),
    });
    const { message } = await answer;
    const [text] = JSON.parse(String(message?.body)) as [string];
    if (message?.application_properties?._AMQ_OperationSucceeded !== true)
      throw new Error(`${operation}: ${text}`);
    return (JSON.parse(text) as { data: readonly Row[] }).data;
  };
  return { answers, list, close: () => connection.close() };
}

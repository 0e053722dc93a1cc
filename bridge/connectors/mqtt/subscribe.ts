import { BridgeError } from '../../errors.js';
import { renderPattern } from '../../message/address.js';
import type { Qos } from '../../message/message.js';
import type { MqttSubscription } from '../connector.js';
import type { Wire } from './connection.js';
import { lostError, place, reasonText } from './errors.js';

const WILDCARDS = { one: '+', rest: '#' } as const;

/**
 * One SUBSCRIBE for each filter, all at once: when one filter of a packet is refused, mqtt.js says of none what it was
 * granted. Resolves when the broker has granted every one as asked for. Rejects with `subscription-refused`, also when
 * nothing was granted for the endpoint's `connectTimeout`, unless `patient` resolved before.
 */
export async function subscribeAll(
  wire: Wire,
  subscriptions: readonly MqttSubscription[],
  patient: Promise<void>,
): Promise<void> {
  const { connectTimeout } = wire.endpoint;
  let onSilence: (reason: BridgeError) => void = () => {};
  const silence = new Promise<never>((_, reject) => {
    onSilence = reject;
  });
  const timer = setTimeout(
    () => onSilence(refused(wire, `the broker grants no subscription within ${connectTimeout} ms`)),
    connectTimeout,
  );
  let isPatient = false;
  void patient.then(() => {
    isPatient = true;
    clearTimeout(timer);
  });
  wire.batchWrites();
  const all = subscriptions.map(async (subscription) => {
    await subscribe(wire, subscription);
    if (!isPatient) timer.refresh();
  });
  try {
    await Promise.race([Promise.all(all), silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the broker has confirmed the end of every one. Rejects with `connection-lost`. */
export async function unsubscribeAll(wire: Wire, subscriptions: readonly MqttSubscription[]): Promise<void> {
  const lost = () => lostError(wire.endpoint, 'the connection ended while unsubscribing', wire.ended);
  if (wire.ended !== undefined) throw lost();
  await new Promise<void>((resolve, reject) => {
    wire.onEnd(() => reject(lost()));
    wire.client.unsubscribe(subscriptions.map(filterOf), (error) => (error ? reject(lost()) : resolve()));
  });
}

/** MQTT 5, 4.8.2; the brokers that have shared subscriptions take the same filter in 3.1.1. */
function filterOf({ pattern, share }: MqttSubscription): string {
  const filter = renderPattern(pattern, WILDCARDS);
  return share === undefined ? filter : `$share/${share}/${filter}`;
}

function subscribe(wire: Wire, subscription: MqttSubscription): Promise<void> {
  const { qos } = subscription;
  const filter = filterOf(subscription);
  return new Promise((resolve, reject) => {
    wire.client.subscribe(filter, { qos, ...onlyIfNew(wire) }, (error, granted) => {
      const problem =
        wire.ended !== undefined
          ? lostError(wire.endpoint, 'the connection ended while subscribing', wire.ended)
          : refusal(wire, filter, qos, error, granted?.[0]?.qos);
      if (problem === undefined) resolve();
      else reject(problem);
    });
  });
}

/** MQTT 5, 3.8.3.1: what is retained comes with a new subscription, not with each reconnect. MQTT 3.1.1 cannot say that. */
const onlyIfNew = ({ endpoint }: Wire) => (endpoint.mqttVersion === 5 ? { rh: 1 } : {});

function refusal(
  wire: Wire,
  filter: string,
  qos: Qos,
  error: Error | null,
  granted: number | undefined,
): BridgeError | undefined {
  const subscription = `the subscription to ${JSON.stringify(filter)}`;
  if (error) return refused(wire, `the broker refuses ${subscription}${saidOf(error)}`, error);
  if (granted === undefined || granted < qos)
    return refused(wire, `the broker grants ${subscription} QoS ${granted ?? 'none'} instead of ${qos}`);
  return undefined;
}

/** What mqtt.js makes of 0x80: in MQTT 3.1.1 a SUBACK has no other way to refuse, whatever the reason (3.9.3). */
const NO_REASON = /Unspecified error/;

function saidOf(error: Error): string {
  return NO_REASON.test(error.message)
    ? ' and gives no reason: most likely the account lacks the right to read there'
    : ` (${reasonText(error)})`;
}

function refused(wire: Wire, text: string, cause?: unknown): BridgeError {
  return new BridgeError('subscription-refused', `${place(wire.endpoint)}: ${text}`, { cause });
}

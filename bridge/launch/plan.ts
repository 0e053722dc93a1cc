import type { PortState } from './ports.js';
import { LISTENERS, type Listener, PORT_SETTINGS, type Ports } from './settings.js';
import { classicVersion, type StompAnswer } from './stomp-login.js';

/** What `up` does about the broker, decided before anything is started. */
export type Plan =
  | { readonly kind: 'start' }
  /** `closed` are the broker's listeners that are not open there. */
  | { readonly kind: 'use'; readonly version: string; readonly closed: readonly Listener[] }
  | { readonly kind: 'refuse'; readonly lines: readonly string[] };

export type PortStates = Readonly<Record<Listener, PortState>>;

/** True when somebody is on the ports that the bridge cannot do without: worth asking who it is. */
export const mayBeBroker = (states: PortStates): boolean =>
  states.mqtt === 'taken' && states.stomp === 'taken';

/** `answer` is what the STOMP port said, asked only when `mayBeBroker`. */
export function planBroker(ports: Ports, states: PortStates, answer: StompAnswer | undefined): Plan {
  const version = answer?.kind === 'connected' ? classicVersion(answer.server) : undefined;
  const ours = version === undefined ? LISTENERS : (['http'] as const);
  const lines = ours.flatMap((listener) => {
    const { label, variable } = PORT_SETTINGS[listener];
    const what = `${label} port ${ports[listener]}`;
    if (states[listener] === 'taken') return [`${what} is taken; move it with ${variable}=<another port>`];
    if (states[listener] === 'denied')
      return [`${what} is not open to this user; use ${variable}=<1024 or more>`];
    return [];
  });
  if (lines.length > 0) {
    if (answer !== undefined && version === undefined) lines.push(whoAnswers(ports.stomp, answer));
    return { kind: 'refuse', lines };
  }
  if (version === undefined) return { kind: 'start' };
  const closed = LISTENERS.filter((listener) => listener !== 'http' && states[listener] !== 'taken');
  return { kind: 'use', version, closed };
}

function whoAnswers(port: number, answer: StompAnswer): string {
  const on = `what listens on port ${port} is no ActiveMQ Classic that can be used`;
  if (answer.kind === 'connected') return `${on}: it calls itself ${JSON.stringify(answer.server)}`;
  if (answer.kind === 'refused') {
    return `${on}: it does not take our login (${answer.reason}); set ACTIVEMQ_USERNAME and ACTIVEMQ_PASSWORD if it is yours`;
  }
  return `${on}: ${answer.reason}`;
}

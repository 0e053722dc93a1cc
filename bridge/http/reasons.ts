import type { BridgeStatus, CanaryStatus, ConnectionStatus, RouteStatus } from '../status.js';

const PROTOCOL_NAMES: Readonly<Record<ConnectionStatus['protocol'], string>> = {
  mqtt: 'MQTT',
  amqp: 'AMQP',
  stomp: 'STOMP',
};

const STATE_REASONS: Readonly<Record<BridgeStatus['state'], string | undefined>> = {
  starting: 'the bridge is starting',
  running: undefined,
  standby: 'this bridge stands by: another one with the same rules has the lock, or none can have it yet',
  draining: 'the bridge is stopping: it takes no new messages',
  stopped: 'the bridge has stopped',
};

/** Ready means: a message sent now would be carried. A draining bridge is not, whatever its connections say. */
export const isReady = (status: BridgeStatus): boolean => status.ready && status.state === 'running';

/** True for a bridge that stands by and could begin at once. */
export const isStandingBy = ({ state, connections }: BridgeStatus): boolean =>
  state === 'standby' && connections.every((connection) => connection.state === 'up');

/** Why the bridge is not ready, one sentence a cause, naming broker, protocol and reason; empty when it is ready. */
export function reasonsOf(status: BridgeStatus): string[] {
  if (isReady(status)) return [];
  const state = STATE_REASONS[status.state];
  const isActive = status.state !== 'standby';
  const reasons = [
    ...(state === undefined ? [] : [state]),
    ...status.connections.filter(({ state }) => state !== 'up').map(connectionReason),
    ...status.routes.filter(({ state }) => isActive && state === 'waiting').map(routeReason),
    ...(status.canaries ?? []).filter(({ state }) => state === 'late').map(canaryReason),
  ];
  return reasons.length > 0 ? reasons : ['a route is not subscribed yet'];
}

function connectionReason({ name, broker, protocol, state, attempts, reason }: ConnectionStatus): string {
  const where = `broker ${broker}, ${PROTOCOL_NAMES[protocol]} (${name})`;
  if (reason === undefined) return `${where}: ${state}`;
  const tried = attempts > 1 ? `, ${attempts} attempts so far` : '';
  return `${where}: ${reason.message} [${reason.code}${tried}]`;
}

function canaryReason({ broker, protocol, reason }: CanaryStatus): string {
  const why = reason === undefined ? 'its canary is late' : `${reason.message} [${reason.code}]`;
  return `broker ${broker}, ${PROTOCOL_NAMES[protocol]}: ${why}`;
}

function routeReason({ name, reason }: RouteStatus): string {
  return reason === undefined
    ? `route ${name}: waiting for its connections`
    : `route ${name}: ${reason.message} [${reason.code}]`;
}
